"""Measuring the traffic of meshes, in one of an adapter's workers at a time.

Invariant: a bus that is away only delays it.
"""

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit.traffic import Measuring
from meshwright.core.kit.traffic.counting import EdgeCounters


async def watch(
    adapter: kit.Adapter, runtime: kit.Runtime, service: object, every: float, counters: EdgeCounters
) -> None:
    """Publish a window of each mesh every so many seconds while this worker holds the lease; until cancelled."""
    traffic = adapter.traffic
    if traffic is not None:
        measuring = Measuring(traffic, runtime, service, every, counters)
        await mwbus.until_available(runtime.lease, "traffic", measuring.run)
