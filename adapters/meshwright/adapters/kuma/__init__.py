"""Kuma on Kubernetes.

Invariant: this package holds knowledge of Kuma only; reading, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.kuma import adopting, live, status
from meshwright.adapters.kuma.adapter import adapter

__all__ = ["adapter", "adopting", "live", "status"]
