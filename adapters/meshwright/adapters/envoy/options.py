"""The settings of this adapter's workers.

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
    """sidecars get free ports from this one upwards"""
    user: str = "nobody"
    """the user of sidecars when this worker runs as root and its data directory is accessible to that user"""
    keep_sidecars: bool = True
    """whether managed sidecars keep carrying traffic when this worker ends"""
