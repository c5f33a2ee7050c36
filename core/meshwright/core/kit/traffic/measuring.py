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
from meshwright.core.bus import BusError, until_available
from meshwright.core.kit import server_client
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.status.publishing import Publications
from meshwright.core.kit.target import MeshRef, Scope
from meshwright.core.kit.traffic import edges, prometheus
from meshwright.core.kit.traffic.counting import EdgeCounters
from meshwright.core.kit.traffic.meanings import Statistics
from meshwright.core.kit.traffic.proxies import Measured, Proxy, ProxyReader, TrafficReader
from meshwright.core.kit.traffic.tallies import Reporters, Tallies, tally
from meshwright.core.operations.outcomes import Outcome, as_failure
from meshwright.schemas.connections import Prometheus
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import EdgesMeasured, TrafficSource

log = logging.getLogger(__name__)


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter knows of the traffic of its meshes: which statistics there may be, the best first, and where."""

    statistics: Sequence[Statistics]
    proxies: Callable[[Scope], Awaitable[Sequence[Proxy]]]
    """the running proxies of a mesh; raises Outcome"""


class Measuring:
    """Measures all meshes of an adapter; use as `await measuring.run()`, which does not return."""

    def __init__(
        self,
        traffic: Traffic,
        runtime: Runtime,
        service: object,
        every: float,
        counters: EdgeCounters | None = None,
    ) -> None:
        self._counters = counters
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
        try:
            while True:
                try:
                    window = await measured.window()
                    if self._counters is not None:
                        self._counters.count(mesh, window)
                    await until_available(self._runtime.measure, mesh.workspace, window, pause=1.0)
                except BusError as error:
                    log.warning("a window of mesh %s was not published: %s", mesh.mesh, error)
                except Exception:
                    log.exception("measuring the mesh %s failed", mesh.mesh)  # a defect of an adapter ends no worker
                due = max(due + measured.every, time.monotonic())
                await asyncio.sleep(due - time.monotonic())
        finally:
            await measured.close()


class MeshTraffic:
    """The traffic of one mesh, a window after the other, from the Prometheus that knows it or from its proxies."""

    def __init__(self, traffic: Traffic, scope: Scope, every: float) -> None:
        self._traffic = traffic
        self._scope = scope
        self._interval = every
        self._connection: OpenConnection[Prometheus] | None = None
        self._reader: TrafficReader = self._proxies()
        self._reporters = Reporters()

    @property
    def every(self) -> float:
        """Seconds to the next window."""
        return self._reader.every

    async def window(self) -> EdgesMeasured:
        """What has been measured since the last window, or why it could not be."""
        try:
            await self._choose()
            measured = await self._reader.window()
        except Outcome as outcome:
            measured = Measured(source=self._source(), seconds=self.every, failure=as_failure(outcome))
        total: Tallies = {}
        if measured.statistics:
            tally(total, measured.statistics, measured.parts)
        all_edges = edges.edges(self._reporters.choose(total))
        fitting, omitted = edges.fitting(all_edges)
        return EdgesMeasured(
            mesh=self._scope.mesh.mesh,
            start=datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=measured.seconds),
            seconds=round(measured.seconds, 3),
            edges=fitting,
            source=measured.source,
            failure=_shown(measured.failure or omitted),
        )

    async def close(self) -> None:
        """End what is open."""
        await self._reader.close()

    async def _choose(self) -> None:
        """Read from the connection as it is now. Raises Outcome."""
        connection = await self._known_by()
        if connection == self._connection:
            return
        reader: TrafficReader = self._proxies()
        if connection:
            settings = connection.settings
            client = await server_client.connect(
                settings, self._scope.runtime.connections.reachable, prometheus.headers(settings)
            )
            statistics = self._traffic.statistics
            reader = prometheus.PrometheusReader(statistics, client, connection.id, settings.matchers)
        await self._reader.close()
        self._reader, self._connection, self._reporters = reader, connection, Reporters()

    async def _known_by(self) -> OpenConnection[Prometheus] | None:
        """The first Prometheus that has this mesh."""
        mesh = self._scope.mesh
        for each in await self._scope.runtime.connections.of_kind(mesh.workspace, Prometheus):
            if each.settings.url and (not each.settings.meshes or mesh.mesh in each.settings.meshes):
                return each
        return None

    def _proxies(self) -> ProxyReader:
        return ProxyReader(self._traffic.statistics, lambda: self._traffic.proxies(self._scope), self._interval)

    def _source(self) -> TrafficSource:
        if self._connection:
            return TrafficSource(read_from="prometheus", connection=self._connection.id)
        return TrafficSource(read_from="proxies")


def _shown(failure: Failure | None) -> Failure | None:
    """Without details, which are for operations."""
    return failure and msgspec.structs.replace(failure, what=failure.what[:1000], details={})
