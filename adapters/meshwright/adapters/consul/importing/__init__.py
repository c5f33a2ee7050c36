"""Consul's config entries read back as intents."""

from meshwright.core.kit.importing import Importers

importers = Importers()
