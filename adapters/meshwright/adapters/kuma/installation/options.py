"""What a worker of this adapter can be told by its environment.

Invariant: read once, by the kit, when the worker starts.
"""

from meshwright.core.kit.kubernetes.installing.sources import ChartOptions


class Options(ChartOptions, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_KUMA_<FIELD>."""

    charts: str = "https://kumahq.github.io/charts"
    version: str = "2.14.3"
    """what is installed, and upgraded to, where nobody names a release"""
