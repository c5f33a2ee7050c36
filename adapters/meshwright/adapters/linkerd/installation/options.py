"""What a worker of this adapter can be told by its environment.

Invariant: read once, by the kit, when the worker starts.
"""

from meshwright.core.kit.kubernetes.installing.sources import ChartOptions


class Options(ChartOptions, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_LINKERD_<FIELD>."""

    charts: str = "https://helm.linkerd.io/edge"
    version: str = "edge-26.6.3"
    """what is installed, and upgraded to, where nobody names a release"""
