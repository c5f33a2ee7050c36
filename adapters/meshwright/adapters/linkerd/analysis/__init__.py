"""Linkerd's analysis: what is wrong with configuration before, or after, the mesh has it.

Invariant: every rule of Linkerd has an analyzer in one of the modules imported here.
"""

from meshwright.adapters.linkerd.analysis import injection, policies, routing
from meshwright.adapters.linkerd.analysis.registry import KINDS, analyzers

__all__ = ["KINDS", "analyzers", "injection", "policies", "routing"]
