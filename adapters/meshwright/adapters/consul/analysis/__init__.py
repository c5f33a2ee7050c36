"""Mistakes in Consul's entries, as resources of a cluster or behind its own API, beyond what holds on every mesh."""

from meshwright.adapters.consul.analysis import injection, permissions, reach, routing
from meshwright.adapters.consul.analysis.registry import KINDS, analyzers

__all__ = ["KINDS", "analyzers", "injection", "permissions", "reach", "routing"]
