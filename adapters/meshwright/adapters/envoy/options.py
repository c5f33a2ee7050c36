"""What a worker of this adapter can be told by its environment.

Invariant: read once, when the adapter's service starts; without any setting everything stays on loopback.
"""

from meshwright.core import settings


class Options(settings.Settings, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_<FIELD>."""

    api_host: str = "127.0.0.1"
    api_port: int = 8410
    """where the API listens, as the API itself is told: no workload can stand for it"""
    envoy_xds_host: str = "127.0.0.1"
    """where the discovery service listens; remote sidecars need an address that they can reach"""
    envoy_xds_port: int = 0
    """0: a free port, chosen once and remembered in the data directory"""
    envoy_xds_advertise: str = ""
    """host:port,host:port,… of all replicas, for bootstraps; empty: this replica's own address"""
    envoy_first_port: int = 15_400
    """sidecars get free ports from here upwards"""
    envoy_user: str = "nobody"
    """as whom sidecars run when this worker is root's and its data directory lies where that user can go"""
    envoy_keep_sidecars: bool = True
    """whether managed sidecars go on carrying traffic when this worker ends"""
