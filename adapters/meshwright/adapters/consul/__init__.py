"""Consul without Kubernetes: a mesh of sidecars that registered themselves, configured by config entries.

Invariant: this package holds knowledge of Consul only; planning, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.consul import adopting, intents, live, reading, status
from meshwright.adapters.consul.adapter import adapter

__all__ = ["adapter", "adopting", "intents", "live", "reading", "status"]
