"""Existing resources of Istio read back as intents, so that what they say can move to another mesh.

Invariant: an intent is only given where translating it gives the same routes and policies again; every field that no
intent says is named, with the resource that has it.
"""

from meshwright.adapters.istio.importing.reading import Imported, Remainder, imported

__all__ = ["Imported", "Remainder", "imported"]
