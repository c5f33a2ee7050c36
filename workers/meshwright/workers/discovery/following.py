"""Publishing the changes of one kind of object of a cluster.

Problem: a watch does not report objects that were deleted while nobody watched. Invariant: whenever the cluster is
synced, the published objects of the kind are those that the cluster has: known objects that are missing are published
as removed, and nothing is published twice.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

from meshwright.core import ending
from meshwright.core.kit.kubernetes import Added, Deleted, Interrupted, Item, Modified, Synced, WatchEvent
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef
from meshwright.workers.discovery.seen import Fenced, Seen

_WAITING = 256
_AT_ONCE = 128


class Changes:
    """Changes to be published: in order, batched, with a bounded number waiting."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._queue: asyncio.Queue[Item | ResourceRef] = asyncio.Queue(_WAITING)

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None, None]:
        """Publish during the block, which ends when publishing fails. Raises Fenced."""
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self._work())
                yield
                await ending.end(task)
        except BaseExceptionGroup as several:
            if fenced := several.subgroup(Fenced):
                raise ending.first_error(fenced) from None
            raise

    async def put(self, change: Item | ResourceRef) -> None:
        """Queue an object, or the reference of a removed one; waits while the queue is full."""
        await self._queue.put(change)

    async def settled(self) -> None:
        """Wait until everything queued has been published."""
        await self._queue.join()

    async def _work(self) -> None:
        while True:
            changes = [await self._queue.get()]
            while len(changes) < _AT_ONCE and not self._queue.empty():
                changes.append(self._queue.get_nowait())
            await self._seen.apply(changes)
            for _ in changes:
                self._queue.task_done()


async def follow(
    events: AsyncGenerator[WatchEvent, None],
    kind: tuple[str, str],
    seen: Seen,
    changes: Changes,
    tell: Callable[[Failure | None], None],
) -> None:
    """Publish the events of a watch until it ends; `tell` gets None when all objects are published, else the failure.

    Raises what the watch raises.
    """
    present: set[ResourceRef] | None = set()
    async with aclosing(events):
        async for event in events:
            match event:
                case Added(item) | Modified(item):
                    if present is not None:
                        present.add(item.ref)
                    await changes.put(item)
                case Deleted(ref):
                    if present is not None:
                        present.discard(ref)
                    await changes.put(ref)
                case Synced():
                    if present is not None:
                        await changes.settled()
                        await forget(kind, seen, changes, present)
                        present = None  # from here on the watch itself reports deletions
                    await changes.settled()
                    tell(None)
                case Interrupted(failure):
                    tell(failure)


async def forget(
    kind: tuple[str, str], seen: Seen, changes: Changes, present: set[ResourceRef] | frozenset[ResourceRef]
) -> None:
    """Publish the removal of known objects of a kind that are not present."""
    for ref in seen.of(*kind):
        if ref not in present:
            await changes.put(ref)
    await changes.settled()
