"""Existing resources of Linkerd read back as intents; routes of the Gateway API are the kit's to read.

Invariant: an intent is only given where it means what the resources mean together; every field that no intent says is
named, with the resource that has it.
"""

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.importing import annotations, policies
from meshwright.core.kit.importing import Importers

importers = Importers()
importers.importer("", "Service", when=annotations.says_something)(annotations.service)
importers.importer(words.POLICY, "MeshTLSAuthentication")(policies.authentication)
importers.importer(words.POLICY, "AuthorizationPolicy")(policies.authorization_policy)
importers.importer(words.POLICY, "HTTPLocalRateLimitPolicy")(policies.rate_limit)
importers.importer(words.POLICY, "Server")(policies.server)  # after those whose port it names

__all__ = ["importers"]
