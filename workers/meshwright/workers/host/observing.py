"""Reading the status of meshes, in one of an adapter's workers at a time.

Invariant: it gives way to operations, and a bus that is away only delays it.
"""

import asyncio
import logging

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit.status.watching import StatusWatch
from meshwright.workers.host.queues import OperationQueues

log = logging.getLogger(__name__)
_PAUSE = 5.0
"""seconds between two looks for meshes that are due, at most"""


async def watch(
    adapter: kit.Adapter, runtime: kit.Runtime, service: object, turns: OperationQueues, every: float
) -> None:
    """Look again and again while this worker holds the lease; until cancelled."""
    reader = adapter.status_reader
    if reader is None:
        return

    async def idle(mesh: kit.MeshRef) -> bool:
        return await turns.is_idle(mesh.workspace, adapter.name, mesh.connection, mesh.mesh)

    async def looking() -> None:
        watcher = StatusWatch(reader, runtime, service, idle, every)
        while True:
            try:
                await watcher.look()
            except mwbus.BusError as error:
                log.warning("the status of meshes is not read for now: %s", error)
            await asyncio.sleep(min(every, _PAUSE))

    await mwbus.until_available(runtime.lease, "status", looking)
