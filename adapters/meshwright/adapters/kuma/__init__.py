"""Kuma, on Kubernetes and without it.

Invariant: this package holds knowledge of Kuma only; reading, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.kuma import places
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.intents import translation
from meshwright.adapters.kuma.operations import enrolling, installing, previews, uninstalling

__all__ = ["adapter", "enrolling", "installing", "places", "previews", "translation", "uninstalling"]
