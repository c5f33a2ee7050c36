"""Existing resources of Istio read back as intents, so that what they say can move to another mesh.

Invariant: an intent is only given where translating it gives the same routes and policies again; every field that no
intent says is named, with the resource that has it.
"""

from meshwright.adapters.istio.facts import CLASSIC, SECURITY, TELEMETRY, VERSION_LABELS
from meshwright.adapters.istio.importing import destinations, egress, ingress, limits, policies, routing, telemetry
from meshwright.core.kit.importing import Importers, Reader, Reading, Surroundings
from meshwright.schemas.intents import AnyIntent

_REVISION = "istio.io/rev"


def _importer(group: str, kind: str, reader: Reader) -> None:
    """Register a reader; the label with which a resource is for one control plane alone is a field too."""

    def read(reading: Reading, around: Surroundings) -> list[AnyIntent]:
        if revision := reading.at("metadata").at("labels", _REVISION):
            revision.leave("it is for this revision of the control plane alone, and an intent for the mesh")
        return reader(reading, around)

    importers.importer(group, kind)(read)


importers = Importers(VERSION_LABELS)
_importer(CLASSIC, "VirtualService", routing.virtual_service)
_importer(CLASSIC, "DestinationRule", destinations.destination_rule)  # after the routes that name its subsets
_importer(CLASSIC, "Gateway", ingress.gateway)  # after the routes behind it
_importer(CLASSIC, "Sidecar", egress.sidecar)
_importer(CLASSIC, "ServiceEntry", egress.service_entry)  # after the Sidecar that closes what they open
_importer(CLASSIC, "EnvoyFilter", limits.envoy_filter)
_importer(TELEMETRY, "Telemetry", telemetry.telemetry)
_importer(SECURITY, "PeerAuthentication", policies.peer_authentication)
_importer(SECURITY, "AuthorizationPolicy", policies.authorization_policy)

__all__ = ["importers"]
