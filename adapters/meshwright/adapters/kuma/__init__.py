"""Kuma on Kubernetes.

Invariant: this package holds knowledge of Kuma only; reading, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.kuma import adopting, intents, live, reading, status
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.operations import enrolling, installing, previews, uninstalling

__all__ = [
    "adapter",
    "adopting",
    "enrolling",
    "installing",
    "intents",
    "live",
    "previews",
    "reading",
    "status",
    "uninstalling",
]
