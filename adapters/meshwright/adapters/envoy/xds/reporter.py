"""Publishing the statuses of proxies: to the other replicas through the bucket, to users through events.

Problem: one push makes every proxy answer several times within milliseconds. Invariant: the newest status is published,
at most one publication per proxy is in progress, and a status equal to the last published one is not repeated; nothing
is lost while the bus is unavailable, since the pending work is a set of proxies and not a queue.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from meshwright.adapters.envoy.state.identity import NodeId
from meshwright.core.kit.buckets import BusError

_GATHER_SECONDS = 0.05
_RETRY_SECONDS = 1.0
_AT_ONCE = 16
_LAST_WORDS_SECONDS = 2.0
_log = logging.getLogger(__name__)

Tell = Callable[[NodeId], Awaitable[None]]


class Reporter:
    """Calls `tell` for every proxy that changed, and `tell_mesh` afterwards for every mesh concerned."""

    def __init__(self, tell: Tell, tell_mesh: Callable[[str], Awaitable[None]]) -> None:
        self._tell = tell
        self._tell_mesh = tell_mesh
        self._owed: set[NodeId] = set()
        self._owed_meshes: set[str] = set()
        self._news = asyncio.Event()

    def changed(self, node: NodeId) -> None:
        """Mark a proxy whose status has changed."""
        self._owed.add(node)
        self._owed_meshes.add(node.key)
        self._news.set()

    async def run(self) -> None:
        """Publish until cancelled, then publish what is pending if that is quick."""
        try:
            while True:
                await self._news.wait()
                await asyncio.sleep(_GATHER_SECONDS)
                self._news.clear()
                if not await self._flush():
                    await asyncio.sleep(_RETRY_SECONDS)
                    self._news.set()
        finally:
            try:
                async with asyncio.timeout(_LAST_WORDS_SECONDS):
                    await self._flush()
            except TimeoutError:
                _log.warning("the last status of %d proxies was not published", len(self._owed))

    async def _flush(self) -> bool:
        """Publish all pending statuses; returns whether that succeeded."""
        nodes, meshes = list(self._owed), list(self._owed_meshes)
        self._owed.clear()
        self._owed_meshes.clear()
        slots = asyncio.Semaphore(_AT_ONCE)

        async def report(node: NodeId) -> None:
            async with slots:
                await self._tell(node)

        done = False
        try:
            async with asyncio.TaskGroup() as tasks:
                for node in nodes:
                    tasks.create_task(report(node))
            for mesh in meshes:
                await self._tell_mesh(mesh)
            done = True
        except* BusError as errors:
            _log.warning("proxy statuses wait for the bus: %s", errors.exceptions[0])
        finally:
            if not done:
                self._owed.update(nodes)
                self._owed_meshes.update(meshes)
        return done
