"""Detecting drift, in one of an adapter's workers at a time.

Invariant: operations have precedence, and an unavailable bus or a mesh that cannot be read only delays it.
"""

import asyncio
import logging

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit.lifecycle.drift import DriftWatch
from meshwright.workers.host.queues import OperationQueues

log = logging.getLogger(__name__)
_PAUSE = 0.05
"""minimum number of seconds between two checks"""


async def watch(
    adapter: kit.Adapter, runtime: kit.Runtime, service: object, turns: OperationQueues, every: float
) -> None:
    """Check after changes, and at the given interval, while this worker holds the lease; until cancelled."""

    async def idle(mesh: kit.MeshRef) -> bool:
        return await turns.is_idle(mesh.workspace, adapter.name, mesh.connection, mesh.mesh)

    async def looking() -> None:
        async with DriftWatch(adapter, runtime, service, idle, every) as watcher:
            while True:
                try:
                    await watcher.look()
                except mwbus.BusError as error:
                    log.warning("drift detection is delayed: %s", error)
                except Exception:
                    log.exception("drift detection failed")  # a defect of an adapter must not end its worker
                await asyncio.sleep(_PAUSE)
                await watcher.until_due()

    await mwbus.until_available(runtime.lease, "drift", looking)
