"""All connections: each is watched by one of the workers, and removed when it is deleted.

Invariant: a connection's lease is held by the worker that watches or removes it. Without a cluster this process stays
small: the Kubernetes client is imported for the first one.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.kv import leases
from meshwright.core.bus.stream import lookups
from meshwright.core.kit.connections import ConnectionChange, Connections
from meshwright.core.telemetry.metrics import Counter
from meshwright.schemas import subjects
from meshwright.workers.discovery.adapters import Named
from meshwright.workers.discovery.seen import STREAM, Fenced
from meshwright.workers.discovery.selection import Wanted

if TYPE_CHECKING:
    from meshwright.workers.discovery.connection import Watched

log = logging.getLogger(__name__)
_AGAIN = 1.0


class Discovery:
    """Watches every Kubernetes connection whose lease this worker can get."""

    def __init__(
        self,
        bus: mwbus.Connection,
        connections: Connections,
        instance: str,
        wanted: Wanted,
        published: Counter | None = None,
    ) -> None:
        self._bus = bus
        self._connections = connections
        self._instance = instance
        self._configured = wanted
        self._told = published
        self._named = Named(functools.partial(lookups.batch, bus, subjects.EVENTS.stream), self._rediscover)
        self._watched: dict[tuple[str, str], tuple[Watched, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        await mwbus.until_available(self._named.read)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._named.run())
            async for change in self._connections.follow():
                await self._changed(group, change)

    async def _changed(self, group: asyncio.TaskGroup, change: ConnectionChange) -> None:
        key = change.workspace, change.id
        if before := self._watched.pop(key, None):
            await ending.end(before[1])
        is_gone = change.connection is None and change.failure is None
        if is_gone and before is None and not await mwbus.until_available(self._holds_any, *key):
            return
        # Importing the client behind it takes half a second and 36 MiB.
        from meshwright.workers.discovery.connection import Watched

        watched = Watched(self._bus, *key, self._wanted, self._told)
        work = watched.forget
        if change.connection is not None:
            work = functools.partial(watched.watch, change.connection)
        elif change.failure is not None:
            work = functools.partial(watched.fail, change.failure)
        self._watched[key] = watched, group.create_task(self._hold(*key, work))

    async def _hold(self, workspace: str, connection: str, work: Callable[[], Awaitable[None]]) -> None:
        name = f"{subjects.DISCOVERY_LEASE}{workspace}_{connection}"
        while True:
            try:
                await leases.hold(self._bus, name, self._instance, work)
            except (mwbus.BusError, Fenced) as error:
                log.warning("restarting connection %s of workspace %s: %s", connection, workspace, error)
                await asyncio.sleep(_AGAIN)
            else:
                return

    async def _holds_any(self, workspace: str, connection: str) -> bool:
        subject = subjects.fill(subjects.SEEN, workspace=workspace, connection=connection)
        return await self._bus.following(STREAM, 1, subject) is not None

    def _wanted(self) -> Wanted:
        return self._configured.union(self._named.groups)

    def _rediscover(self) -> None:
        for watched, _ in self._watched.values():
            watched.look_again()
