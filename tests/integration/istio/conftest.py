"""Istio's operations against a real API server, run in this process as a worker runs them."""

from rig.istio.fixtures import admission, furnished, istio_charts, kubernetes_settings, operator

__all__ = ["admission", "furnished", "istio_charts", "kubernetes_settings", "operator"]
