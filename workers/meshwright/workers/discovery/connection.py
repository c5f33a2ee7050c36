"""One connection, handled by the worker that holds its lease: watched, reported as failed, or removed.

Invariant: a failure of one connection does not affect others. This module imports the Kubernetes client, which is
large: it is imported only when there is a cluster to watch.
"""

import asyncio
import functools
import logging
from collections.abc import Callable

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.stream import lookups
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.kubernetes import KubernetesError
from meshwright.core.telemetry.metrics import Counter
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.errors import Failure
from meshwright.workers.discovery.clusters import Pauses, Watching
from meshwright.workers.discovery.following import Changes, forget
from meshwright.workers.discovery.seen import STREAM, Seen
from meshwright.workers.discovery.selection import Wanted
from meshwright.workers.discovery.status import Status

log = logging.getLogger(__name__)


class Watched:
    """One connection. Each method runs until it is done or cancelled, and raises Fenced, BusUnavailable."""

    def __init__(
        self,
        bus: mwbus.Connection,
        workspace: str,
        connection: str,
        wanted: Callable[[], Wanted],
        published: Counter | None,
    ) -> None:
        self._bus = bus
        self._seen = Seen(bus, functools.partial(lookups.batch, bus, STREAM), workspace, connection, published)
        self._wanted = wanted
        self._watching: Watching | None = None
        self._what = f"connection {connection} of workspace {workspace}"

    def look_again(self) -> None:
        """Discover again: the selected kinds have changed."""
        if self._watching is not None:
            self._watching.look_again()

    async def watch(self, connection: OpenConnection[Kubernetes]) -> None:
        """Watch its cluster, until cancelled."""
        pauses = Pauses()
        while True:
            status = Status(self._bus, self._seen, connection.version)
            self._watching = Watching(self._seen, status, connection.settings, self._wanted)
            try:
                await self._watching.run()
            except KubernetesError as error:
                log.warning("%s: %s", self._what, error)
                await _report_failure(status, error.failure, pauses)

    async def fail(self, failure: Failure) -> None:
        """Publish that the connection cannot be used; its known objects are kept."""
        await self._seen.load()
        status = Status(self._bus, self._seen)
        status.failed(failure)
        await status.run()

    async def forget(self) -> None:
        """Publish the removal of the connection's status and of all its objects."""
        await self._seen.load()
        changes = Changes(self._seen)
        async with changes.working():
            for kind in self._seen.kinds():
                await forget(kind, self._seen, changes, frozenset())
        await Status(self._bus, self._seen).forget()
        log.info("%s was removed with all its objects", self._what)


async def _report_failure(status: Status, failure: Failure, pauses: Pauses) -> None:
    """Publish a failure, and wait before the next attempt."""
    status.failed(failure)
    telling = asyncio.create_task(status.run())
    try:
        await pauses.rest()
    finally:
        await ending.end(telling)
