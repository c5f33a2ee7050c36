"""Istio's analysis: what is wrong with configuration before, or after, the mesh has it.

Invariant: every rule of Istio has an analyzer in one of the modules imported here.
"""

from meshwright.adapters.istio.analysis import (
    admission,
    annotations,
    credentials,
    envoyfilters,
    gateways,
    injection,
    platform,
    policies,
    routing,
    services,
)
from meshwright.adapters.istio.analysis.registry import analyzers

__all__ = [
    "admission",
    "analyzers",
    "annotations",
    "credentials",
    "envoyfilters",
    "gateways",
    "injection",
    "platform",
    "policies",
    "routing",
    "services",
]
