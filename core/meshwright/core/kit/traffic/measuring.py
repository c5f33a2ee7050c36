"""Measuring the traffic of an adapter's meshes, in one of its workers at a time, a window after the other.

Problem: the graph must be alive, and what measures it must neither harm the mesh nor end with one bad answer.
Invariant: each mesh is measured by itself, so a slow cluster delays no other; a window is published once; one that
could not be measured says why. Nothing here can stop the worker.
"""

import asyncio
import datetime
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from meshwright.core import ending
from meshwright.core.bus import BusError
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.status.publishing import Publications
from meshwright.core.kit.target import MeshRef, Scope
from meshwright.core.kit.traffic import edges
from meshwright.core.kit.traffic.meanings import Statistics
from meshwright.core.kit.traffic.proxies import Measured, Proxy, ProxyReader
from meshwright.core.kit.traffic.tallies import Reporters, Tallies, tally
from meshwright.core.operations.outcomes import Outcome, as_failure
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import EdgesMeasured, TrafficSource

_GAPS = 2.5
"""windows after which a reading says nothing about a rate now"""
log = logging.getLogger(__name__)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter knows of the traffic of its meshes: which statistics there may be, the best first, and where."""

    statistics: Sequence[Statistics]
    proxies: Callable[[Scope], Awaitable[Sequence[Proxy]]]
    """the running proxies of a mesh; raises Outcome"""


class Measuring:
    """Measures all meshes of an adapter; use as `await measuring.run()`, which does not return."""

    def __init__(self, traffic: Traffic, runtime: Runtime, service: object, every: float) -> None:
        self._traffic = traffic
        self._runtime = runtime
        self._service = service
        self._every = every
        self._tasks: dict[MeshRef, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Follow which meshes there are, and measure each; until cancelled."""
        try:
            while True:
                try:
                    await self._adapt()
                except BusError as error:
                    log.warning("it is not known which meshes there are: %s", error)
                await asyncio.sleep(self._every)
        finally:
            await ending.end(*self._tasks.values())

    async def _adapt(self) -> None:
        meshes = set(await (await Publications.open(self._runtime)).meshes())
        for mesh in self._tasks.keys() - meshes:
            await ending.end(self._tasks.pop(mesh))
        for mesh in meshes - self._tasks.keys():
            self._tasks[mesh] = asyncio.create_task(self._measure(mesh), name=f"traffic-{mesh.mesh}")

    async def _measure(self, mesh: MeshRef) -> None:
        measured = MeshTraffic(self._traffic, Scope(self._runtime, self._service, mesh), self._every)
        due = time.monotonic()
        while True:
            try:
                await self._runtime.measure(mesh.workspace, await measured.window())
            except BusError as error:
                log.warning("a window of mesh %s was not published: %s", mesh.mesh, error)
            except Exception:
                log.exception("measuring the mesh %s failed", mesh.mesh)  # a defect of an adapter ends no worker
            due = max(due + self._every, time.monotonic())
            await asyncio.sleep(due - time.monotonic())


class MeshTraffic:
    """The traffic of one mesh, a window after the other."""

    def __init__(self, traffic: Traffic, scope: Scope, every: float) -> None:
        self._mesh = scope.mesh.mesh
        self._reader = ProxyReader(traffic.statistics, lambda: traffic.proxies(scope), every * _GAPS)
        self._reporters = Reporters()
        self._ended = time.monotonic() - every

    async def window(self) -> EdgesMeasured:
        """What has been measured since the last window, or why it could not be."""
        try:
            measured = await self._reader.window()
        except Outcome as outcome:
            measured = Measured(statistics=None, failure=as_failure(outcome))
        now = time.monotonic()
        seconds, self._ended = now - self._ended, now
        source = TrafficSource(
            read_from="proxies",
            statistics=measured.statistics.name if measured.statistics else "",
            proxies=self._reader.proxies,
            silent=measured.silent,
        )
        return self._message(measured, source, seconds)

    def _message(self, measured: Measured, source: TrafficSource, seconds: float) -> EdgesMeasured:
        total: Tallies = {}
        if measured.statistics:
            tally(total, measured.statistics, measured.parts)
        return EdgesMeasured(
            mesh=self._mesh,
            start=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=seconds),
            seconds=round(seconds, 3),
            edges=edges.edges(self._reporters.choose(total)),
            source=source,
            failure=_shown(measured.failure),
        )


def _shown(failure: Failure | None) -> Failure | None:
    """Without details, which are for operations."""
    return failure and msgspec.structs.replace(failure, what=failure.what[:1000], details={})
