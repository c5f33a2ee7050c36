"""Existing policies of Kuma read back as intents; routes of the Gateway API are the kit's to read.

Invariant: an intent is only given where it means what the policy means; what no intent says is named, with the policy.
"""

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.importing.policies import READERS, reader
from meshwright.core.kit.importing import Importers

importers = Importers()
for _kind in READERS:
    importers.importer(words.GROUP, _kind)(reader(_kind))

__all__ = ["importers"]
