"""One cluster, watched as a whole: every kind that is wanted and served, for as long as this worker holds its lease.

Invariant: each kind is listed and watched once; what is not watched any more is told as gone; a cluster that does not
answer keeps what was seen of it until it answers again.
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
from meshwright.workers.discovery import selection
from meshwright.workers.discovery.following import Changes, follow, forget
from meshwright.workers.discovery.seen import Seen
from meshwright.workers.discovery.selection import Kind, Wanted
from meshwright.workers.discovery.status import Status

log = logging.getLogger(__name__)
_LOOK_AGAIN = 300.0
"""seconds after which it is asked anew what the cluster serves, when nothing told of a change"""
_SETTLING = 1.0
"""seconds in which further definitions are waited for"""
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0


class Pauses:
    """How long to wait before the next try."""

    def __init__(self) -> None:
        self._next = _FIRST_PAUSE

    async def rest(self) -> None:
        """Wait, longer each time."""
        await asyncio.sleep(self._next * random.uniform(0.5, 1.0))  # noqa: S311 - spreads load
        self._next = min(self._next * 2, _LONGEST_PAUSE)

    def over(self) -> None:
        """It works again."""
        self._next = _FIRST_PAUSE


class Watching:
    """The watch of one cluster; `wanted` is asked whenever it is looked at anew."""

    def __init__(self, seen: Seen, status: Status, settings: Kubernetes, wanted: Callable[[], Wanted]) -> None:
        self._seen = seen
        self._status = status
        self._settings = settings
        self._wanted = wanted
        self._changes = Changes(seen)
        self._again = asyncio.Event()
        self._tasks: dict[Kind, asyncio.Task[None]] = {}

    def look_again(self) -> None:
        """What is wanted or served may be something else now."""
        self._again.set()

    async def run(self) -> None:
        """Watch until cancelled. Raises Fenced, KubernetesError when there is no way to the cluster, BusUnavailable."""
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
            except KubernetesError as error:
                self._status.failed(error.failure)
                await pauses.rest()
                continue
            pauses.over()
            self._status.watching(kinds)
            for kind in self._tasks.keys() - set(kinds):
                await ending.end(self._tasks.pop(kind))
            for kind in set(self._seen.kinds()) - set(kinds):
                await forget(kind, self._seen, self._changes, frozenset())
            for kind in kinds:
                if kind not in self._tasks or self._tasks[kind].done():
                    self._tasks[kind] = group.create_task(self._follow(cluster, kind))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_AGAIN):
                    await self._again.wait()
                    await asyncio.sleep(_SETTLING)

    async def _follow(self, cluster: Cluster, kind: Kind) -> None:
        pauses = Pauses()
        while True:
            try:
                events = cluster.watch(*kind)
                if kind == selection.DEFINITIONS:
                    events = self._noticing(events)
                await follow(events, kind, self._seen, self._changes, lambda failure: self._status.tell(kind, failure))
            except NotFound:
                await forget(kind, self._seen, self._changes, frozenset())
                self._again.set()
                return
            except Closed:
                return
            except KubernetesError as error:
                self._status.tell(kind, error.failure)
            await pauses.rest()

    async def _noticing(self, events: AsyncGenerator[WatchEvent, None]) -> AsyncGenerator[WatchEvent, None]:
        """The same events; with each definition it is looked again at what is served."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Added | Modified | Deleted):
                    self._again.set()
                yield event
