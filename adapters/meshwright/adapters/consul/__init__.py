"""Consul, in a Kubernetes cluster or without one: a mesh of sidecars, configured by config entries.

Invariant: this package holds knowledge of Consul only; planning, applying, diffing and pruning are the kit's.
"""

from meshwright.adapters.consul import intents, places
from meshwright.adapters.consul.adapter import adapter
from meshwright.adapters.consul.operations import enrolling, previews

__all__ = ["adapter", "enrolling", "intents", "places", "previews"]
