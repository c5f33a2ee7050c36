"""Linkerd on Kubernetes.

Invariant: this package holds knowledge of Linkerd only; reading, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.linkerd import adopting, live, reading, status
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.intents import translation
from meshwright.adapters.linkerd.operations import enrolling, installing, previews, uninstalling, upgrading

__all__ = [
    "adapter",
    "adopting",
    "enrolling",
    "installing",
    "live",
    "previews",
    "reading",
    "status",
    "translation",
    "uninstalling",
    "upgrading",
]
