"""Existing resources of Istio read back as intents, so that what they say can move to another mesh.

Invariant: an intent is only given where translating it gives the same routes and policies again; every field that no
intent says is named, with the resource that has it.
"""

from meshwright.adapters.istio.facts import CLASSIC, SECURITY, VERSION_LABELS
from meshwright.adapters.istio.importing import destinations, policies, routing
from meshwright.core.kit.importing import Importers

importers = Importers(VERSION_LABELS)
importers.importer(CLASSIC, "VirtualService")(routing.virtual_service)
importers.importer(CLASSIC, "DestinationRule")(destinations.destination_rule)  # after the routes that name its subsets
importers.importer(SECURITY, "PeerAuthentication")(policies.peer_authentication)
importers.importer(SECURITY, "AuthorizationPolicy")(policies.authorization_policy)

__all__ = ["importers"]
