"""Kuma's analysis: what is wrong with configuration before, or after, the mesh has it.

Invariant: every rule of Kuma has an analyzer in one of the modules imported here.
"""

from meshwright.adapters.kuma.analysis import injection, policies
from meshwright.adapters.kuma.analysis.registry import KINDS, analyzers

__all__ = ["KINDS", "analyzers", "injection", "policies"]
