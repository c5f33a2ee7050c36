"""The buckets of this adapter, and their keys.

    desired   <workspace>.<mesh>             the desired state of a mesh
    secrets   <workspace>.<mesh>             its certificate authority, sealed; never part of an event
              join.<ws>.<mesh>.<workload>    its newest invitation, until it is used
              control-plane                  the authority between control planes and proxies, sealed
    proxies   <workspace>.<mesh>.<workload>  the newest status of a proxy
    plans     <workspace>.<mesh>             what its newest operation changes, so that it can be undone

Invariant: this module is the only place that knows these names.
"""

import msgspec

from meshwright.core import kit
from meshwright.core.kit.buckets import Bucket


class Buckets(msgspec.Struct, frozen=True):
    """All of them, open."""

    desired: Bucket
    secrets: Bucket
    proxies: Bucket
    plans: Bucket


async def open_all(runtime: kit.Runtime) -> Buckets:
    """Open, or make, the adapter's buckets.

    Raises bus.BusUnavailable.
    """
    return Buckets(*[await runtime.bucket(name) for name in Buckets.__struct_fields__])
