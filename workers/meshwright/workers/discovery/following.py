"""One kind of object of a cluster, followed into what is seen.

Problem: what went while nobody watched is told by no watch. Invariant: whenever the cluster is synced, what is seen of
the kind is what the cluster has: what was seen before and is not there is told as gone, nothing is told twice.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from meshwright.core import ending
from meshwright.core.kit.kubernetes import Added, Deleted, Interrupted, Modified, Synced, WatchEvent
from meshwright.schemas.errors import Failure
from meshwright.schemas.references import ResourceRef
from meshwright.workers.discovery.seen import Fenced, Seen

_LANES = 32
_WAITING = 16

Work = Callable[[], Awaitable[None]]


class Lanes:
    """Changes at work: many at once, those of one object one after the other, a bounded number waiting."""

    def __init__(self) -> None:
        self._queues: list[asyncio.Queue[Work]] = [asyncio.Queue(_WAITING) for _ in range(_LANES)]

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None, None]:
        """Work for the length of the block, which ends when the work fails. Raises Fenced."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._work(queue)) for queue in self._queues]
                yield
                await ending.end(*tasks)
        except BaseExceptionGroup as several:
            if fenced := several.subgroup(Fenced):
                raise ending.first_error(fenced) from None
            raise

    async def put(self, ref: ResourceRef, work: Work) -> None:
        """Have something done to an object; waits while too much is waiting."""
        key = f"{ref.kind}/{ref.namespace}/{ref.name}".encode()
        await self._queues[zlib.crc32(key) % _LANES].put(work)

    async def settled(self) -> None:
        """Wait until all that was put is done."""
        for queue in self._queues:
            await queue.join()

    async def _work(self, queue: asyncio.Queue[Work]) -> None:
        while True:
            work = await queue.get()
            await work()
            queue.task_done()


async def follow(
    events: AsyncGenerator[WatchEvent, None],
    kind: tuple[str, str],
    seen: Seen,
    lanes: Lanes,
    tell: Callable[[Failure | None], None],
) -> None:
    """Follow the events of a watch to their end; `tell` hears None when all is seen, and what hinders it.

    Raises what the watch raises.
    """
    present: set[tuple[str, str]] | None = set()
    async with aclosing(events):
        async for event in events:
            match event:
                case Added(item) | Modified(item):
                    if present is not None:
                        present.add((item.ref.namespace, item.ref.name))
                    await lanes.put(item.ref, lambda item=item: seen.observed(item))  # type: ignore[misc]
                case Deleted(ref):
                    if present is not None:
                        present.discard((ref.namespace, ref.name))
                    await lanes.put(ref, lambda ref=ref: seen.removed(ref))  # type: ignore[misc]
                case Synced():
                    if present is not None:
                        await lanes.settled()
                        await forget(kind, seen, lanes, present)
                        present = None  # from here on the watch itself tells what goes
                    await lanes.settled()
                    tell(None)
                case Interrupted(failure):
                    tell(failure)


async def forget(
    kind: tuple[str, str], seen: Seen, lanes: Lanes, present: set[tuple[str, str]] | frozenset[tuple[str, str]]
) -> None:
    """Tell as gone what is seen of a kind and not present."""
    for ref in seen.of(*kind):
        if (ref.namespace, ref.name) not in present:
            await lanes.put(ref, lambda ref=ref: seen.removed(ref))  # type: ignore[misc]
    await lanes.settled()
