"""What a worker of this adapter can be told by its environment.

Invariant: read once, by the kit, when the worker starts.
"""

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_ISTIO_<FIELD>."""

    charts: str = "https://istio-release.storage.googleapis.com/charts"
    """where charts come from unless an operation says: a folder on this host, a repository or an OCI registry"""
    version: str = "1.30.3"
    """what is installed, and upgraded to, where nobody names a version"""
    chart_folders: str = ""
    """the folder on this host below which operations may name charts of their own; empty: they may not"""
    chart_hosts: str = ""
    """networks and hosts that operations may fetch charts from besides the public internet, as in 10.0.0.0/8,host"""
    proxies_seconds: float = 30.0
    """for which an operation on a design waits until the proxies have taken it; 0: not at all"""
