"""What a worker of this adapter can be told by its environment.

Invariant: read once, by the kit, when the worker starts.
"""

from meshwright.core.kit.kubernetes.installing.sources import ChartOptions


class Options(ChartOptions, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_ISTIO_<FIELD>."""

    charts: str = "https://istio-release.storage.googleapis.com/charts"
    version: str = "1.30.3"
    """what is installed, and upgraded to, where nobody names a version"""
    proxies_seconds: float = 30.0
    """for which an operation on a design waits until the proxies have taken it; 0: not at all"""
