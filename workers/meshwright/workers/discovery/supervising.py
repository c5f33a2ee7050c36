"""All connections: each is watched by one of the workers, and forgotten when it is gone.

Invariant: a connection's lease is held by whoever watches or forgets it; what one connection suffers is its own.
"""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.kv import leases
from meshwright.core.bus.stream import lookups
from meshwright.core.kit.connections import ConnectionChange, Connections, OpenConnection
from meshwright.core.kit.kubernetes import KubernetesError
from meshwright.core.telemetry.metrics import Counter
from meshwright.schemas import subjects
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.errors import Failure
from meshwright.workers.discovery.adapters import Named
from meshwright.workers.discovery.clusters import Pauses, Watching
from meshwright.workers.discovery.following import Lanes, forget
from meshwright.workers.discovery.seen import STREAM, Fenced, Seen
from meshwright.workers.discovery.selection import Wanted
from meshwright.workers.discovery.status import Status

log = logging.getLogger(__name__)
_AGAIN = 1.0


class Discovery:
    """Watches every Kubernetes connection that this worker can get the lease of."""

    def __init__(
        self,
        bus: mwbus.Connection,
        connections: Connections,
        instance: str,
        wanted: Wanted,
        told: Counter | None = None,
    ) -> None:
        self._bus = bus
        self._connections = connections
        self._instance = instance
        self._configured = wanted
        self._told = told
        self._named = Named(functools.partial(lookups.batch, bus, subjects.EVENTS.stream), self._look_again)
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._watching: dict[tuple[str, str], Watching] = {}

    async def run(self) -> None:
        """Watch until cancelled."""
        await mwbus.until_available(self._named.look)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._named.run())
            async for change in self._connections.follow():
                await self._changed(group, change)

    async def _changed(self, group: asyncio.TaskGroup, change: ConnectionChange) -> None:
        key = change.workspace, change.id
        if before := self._tasks.pop(key, None):
            await ending.end(before)
        connection, failure = change.connection, change.failure
        if connection is not None:
            work = functools.partial(self._watch, connection)
        elif failure is not None:
            work = functools.partial(self._tell_failure, *key, failure)
        elif before is not None or await mwbus.until_available(self._holds_any, *key):
            work = functools.partial(self._forget, *key)
        else:
            return
        self._tasks[key] = group.create_task(self._hold(*key, work))

    async def _hold(self, workspace: str, connection: str, work: Callable[[], Awaitable[None]]) -> None:
        name = f"{subjects.DISCOVERY_LEASE}{workspace}_{connection}"
        while True:
            try:
                await leases.hold(self._bus, name, self._instance, work)
            except (mwbus.BusError, Fenced) as error:
                log.warning("connection %s of workspace %s is taken up again: %s", connection, workspace, error)
                await asyncio.sleep(_AGAIN)
            else:
                return

    async def _watch(self, connection: OpenConnection[Kubernetes]) -> None:
        key = connection.workspace, connection.id
        seen = self._seen(*key)
        pauses = Pauses()
        while True:
            status = Status(self._bus, seen)
            self._watching[key] = watching = Watching(seen, status, connection.settings, self._wanted)
            try:
                await watching.run()
            except KubernetesError as error:
                log.warning("connection %s of workspace %s: %s", connection.id, connection.workspace, error)
                await _told_until(status, error.failure, pauses)
            finally:
                self._watching.pop(key, None)

    async def _tell_failure(self, workspace: str, connection: str, failure: Failure) -> None:
        """The connection cannot be used; what was seen of it stays."""
        seen = self._seen(workspace, connection)
        await seen.load()
        status = Status(self._bus, seen)
        status.failed(failure)
        await status.run()

    async def _forget(self, workspace: str, connection: str) -> None:
        """The connection is gone, and so is everything of it. Raises Fenced, BusUnavailable."""
        seen = self._seen(workspace, connection)
        await seen.load()
        lanes = Lanes()
        async with lanes.working():
            for kind in seen.kinds():
                await forget(kind, seen, lanes, frozenset())
        await Status(self._bus, seen).forget()
        log.info("connection %s of workspace %s is forgotten", connection, workspace)

    async def _holds_any(self, workspace: str, connection: str) -> bool:
        subject = subjects.fill(subjects.SEEN, workspace=workspace, connection=connection)
        return await self._bus.following(STREAM, 1, subject) is not None

    def _seen(self, workspace: str, connection: str) -> Seen:
        return Seen(self._bus, functools.partial(lookups.batch, self._bus, STREAM), workspace, connection, self._told)

    def _wanted(self) -> Wanted:
        return self._configured.union(self._named.groups)

    def _look_again(self) -> None:
        for watching in self._watching.values():
            watching.look_again()


async def _told_until(status: Status, failure: Failure, pauses: Pauses) -> None:
    """Tell a failure, and wait before the next try."""
    status.failed(failure)
    telling = asyncio.create_task(status.run())
    try:
        await pauses.rest()
    finally:
        await ending.end(telling)
