"""Istio's operations against a real API server, run in this process as a worker runs them; and Istio with traffic."""

from rig.effects.istio import logging_istiod, proven_istio
from rig.istio.fixtures import admission, emptied_after, furnished, istio_charts, kubernetes_settings, operator

__all__ = [
    "admission",
    "emptied_after",
    "furnished",
    "istio_charts",
    "kubernetes_settings",
    "logging_istiod",
    "operator",
    "proven_istio",
]
