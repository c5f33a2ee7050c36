"""Kuma, on Kubernetes and without it.

Invariant: this package holds knowledge of Kuma only; reading, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.kuma import intents, places
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.operations import enrolling, installing, previews, uninstalling

__all__ = ["adapter", "enrolling", "installing", "intents", "places", "previews", "uninstalling"]
