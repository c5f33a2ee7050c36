"""What a worker of this adapter can be told by its environment.

Invariant: read once, by the kit, when the worker starts; without any setting everything stays on loopback.
"""

import msgspec


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is the environment variable MESHWRIGHT_ENVOY_<FIELD>."""

    xds_host: str = "127.0.0.1"
    """where the discovery service listens; remote sidecars need an address that they can reach"""
    xds_port: int = 0
    """0: a free port, chosen once and remembered in the data directory"""
    xds_advertise: str = ""
    """host:port,host:port,… of all replicas, for bootstraps; empty: this replica's own address"""
    first_port: int = 15_400
    """sidecars get free ports from here upwards"""
    user: str = "nobody"
    """as whom sidecars run when this worker is root's and its data directory lies where that user can go"""
    keep_sidecars: bool = True
    """whether managed sidecars go on carrying traffic when this worker ends"""
