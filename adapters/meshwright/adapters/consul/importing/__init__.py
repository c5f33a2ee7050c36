"""Consul's entries read back as intents, as resources of a cluster or behind its own API.

Invariant: an intent is only given where it means what the entries mean together; every field that no intent says is
named, with the entry that has it.
"""

from meshwright.adapters.consul.cluster.words import GROUP
from meshwright.adapters.consul.importing import readers
from meshwright.core.kit.importing import Importers

importers = Importers()
importers.importer(GROUP, "ProxyDefaults")(readers.proxies)
importers.importer(GROUP, "ServiceDefaults")(readers.defaults)
importers.importer(GROUP, "ServiceResolver")(readers.resolver)
importers.importer(GROUP, "ServiceSplitter")(readers.splitter)
importers.importer(GROUP, "ServiceRouter")(readers.router)
importers.importer(GROUP, "ServiceIntentions")(readers.intentions)

__all__ = ["importers"]
