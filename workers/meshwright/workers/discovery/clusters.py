"""Watching one cluster: every kind that is selected and served, while this worker holds the connection's lease.

Invariant: each kind is listed and watched once; kinds that are no longer watched are published as removed; the objects
of a cluster that does not answer are kept until it answers again.
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from meshwright.core import ending
from meshwright.core.kit.kubernetes import (
    Added,
    Closed,
    Cluster,
    Deleted,
    KubernetesError,
    Modified,
    NotFound,
    WatchEvent,
)
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.errors import Failure
from meshwright.workers.discovery import selection
from meshwright.workers.discovery.following import Changes, follow, forget
from meshwright.workers.discovery.seen import Seen
from meshwright.workers.discovery.selection import Kind, Wanted
from meshwright.workers.discovery.status import Status

log = logging.getLogger(__name__)
_REDISCOVER_S = 300.0
"""seconds after which the cluster's API is discovered again without any sign of a change"""
_DEBOUNCE_S = 1.0
"""seconds to wait for further CustomResourceDefinitions after one has changed"""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Pauses:
    """The back-off between attempts."""

    def __init__(self) -> None:
        self._next = _FIRST_PAUSE

    async def rest(self) -> None:
        """Wait, longer each time."""
        await asyncio.sleep(self._next * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
        self._next = min(self._next * 2, _LONGEST_PAUSE)

    def over(self) -> None:
        """Reset the back-off after a success."""
        self._next = _FIRST_PAUSE


class Watching:
    """The watch of one cluster; `wanted` returns the kinds to watch and is called at each discovery."""

    def __init__(self, seen: Seen, status: Status, settings: Kubernetes, wanted: Callable[[], Wanted]) -> None:
        self._seen = seen
        self._status = status
        self._settings = settings
        self._wanted = wanted
        self._changes = Changes(seen)
        self._again = asyncio.Event()
        self._tasks: dict[Kind, asyncio.Task[None]] = {}

    def look_again(self) -> None:
        """Discover again: the selected or the served kinds may have changed."""
        self._again.set()

    async def run(self) -> None:
        """Watch until cancelled. Raises Fenced, KubernetesError when the cluster cannot be reached, BusUnavailable."""
        await self._seen.load()
        async with (
            Cluster.open(self._settings) as cluster,
            self._changes.working(),
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._status.run())
            await self._select(cluster, group)

    async def _select(self, cluster: Cluster, group: asyncio.TaskGroup) -> None:
        pauses = Pauses()
        while True:
            self._again.clear()
            try:
                cluster.discovery.forget()
                kinds = selection.selected(await cluster.discovery.all(), self._wanted())
                identity = await cluster.identity()
            except KubernetesError as error:
                self._status.failed(error.failure)
                await pauses.rest()
                continue
            pauses.over()
            self._status.identified(identity)
            self._status.watching(kinds)
            for kind in self._tasks.keys() - set(kinds):
                await ending.end(self._tasks.pop(kind))
            for kind in set(self._seen.kinds()) - set(kinds):
                await forget(kind, self._seen, self._changes, frozenset())
            for kind in kinds:
                if kind not in self._tasks or self._tasks[kind].done():
                    self._tasks[kind] = group.create_task(self._follow(cluster, kind))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REDISCOVER_S):
                    await self._again.wait()
                    await asyncio.sleep(_DEBOUNCE_S)

    async def _follow(self, cluster: Cluster, kind: Kind) -> None:
        pauses = Pauses()
        while True:
            try:
                events = cluster.watch(*kind)
                if kind == selection.DEFINITIONS:
                    events = self._watching_definitions(events)
                await follow(events, kind, self._seen, self._changes, lambda failure: self._tell(kind, failure))
            except NotFound:
                await forget(kind, self._seen, self._changes, frozenset())
                self._again.set()
                return
            except Closed:
                return
            except KubernetesError as error:
                self._status.tell(kind, error.failure)
            await pauses.rest()

    def _tell(self, kind: Kind, failure: Failure | None) -> None:
        """After an outage another cluster may answer, which may serve other kinds."""
        if self._status.tell(kind, failure):
            self.look_again()

    async def _watching_definitions(self, events: AsyncGenerator[WatchEvent, None]) -> AsyncGenerator[WatchEvent, None]:
        """The same events; each CustomResourceDefinition triggers a new discovery."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Added | Modified | Deleted):
                    self._again.set()
                yield event
