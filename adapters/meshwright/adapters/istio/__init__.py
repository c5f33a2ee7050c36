"""Istio on Kubernetes, with sidecars or ambient.

Invariant: this package holds knowledge of Istio only; reading, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.istio import adopting, intents, live, reading, status
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.operations import enrolling, installing, previews, uninstalling, upgrading
from meshwright.adapters.istio.proxies import accounts

__all__ = [
    "accounts",
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
    "upgrading",
]
