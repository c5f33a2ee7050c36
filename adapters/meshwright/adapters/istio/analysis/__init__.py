"""Istio's analysis: what is wrong with configuration before, or after, the mesh has it.

Invariant: every rule of `rules` has an analyzer in one of the modules imported here.
"""

from meshwright.adapters.istio.analysis import (
    conditions,
    envoyfilters,
    gateways,
    injection,
    policies,
    routing,
    services,
)
from meshwright.adapters.istio.analysis.registry import analyzers

__all__ = ["analyzers", "conditions", "envoyfilters", "gateways", "injection", "policies", "routing", "services"]
