"""The graph of a mesh: services, and the traffic between them in the newest window."""

import asyncio
import datetime
from typing import Annotated

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.measurements import merging
from meshwright.core.store import MAX_PAGE, kinds
from meshwright.schemas.base import Model, Moment, Name
from meshwright.schemas.readings.traffic import Topology, TopologyNode
from meshwright.schemas.telemetry import Edge, EdgesMeasured
from meshwright.schemas.workloads import Workload
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import not_found
from meshwright.ui_api.http.queries import LARGEST_PAGE, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views

routes = Routes("topology")
_READ = ("store-unavailable", "not-yet-visible")


class TopologyQuery(Read, frozen=True, kw_only=True):
    """With either, all windows that began then are added up, `since` inclusive and `until` exclusive; else the newest.

    At most the newest 500 are: `start` and `seconds` of the answer say what was measured.
    """

    since: Moment | None = None
    until: Moment | None = None


class MetricsQuery(Read, frozen=True, kw_only=True):
    """Which windows; `since` inclusive, `until` exclusive."""

    since: Moment | None = None
    until: Moment | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 60


class Window(Model, frozen=True, kw_only=True):
    """The measurements of `seconds` from `start`."""

    start: Moment
    seconds: float
    edges: list[Edge]


class Windows(Model, frozen=True, kw_only=True):
    """Measured windows of a mesh, newest first."""

    mesh: Name
    items: list[Window]


@routes.add(
    "GET",
    "/v1/meshes/{id}/topology",
    "getTopology",
    role="viewer",
    query=TopologyQuery,
    answer=Topology,
    problems=_READ,
)
async def show(call: Call[NoBody, TopologyQuery]) -> Response:
    """Show the graph of a mesh with requests per second, error rate and latencies per edge."""
    mesh = call.name()
    await views.settle(call, kinds.MESHES.stream)
    await _known(call, mesh)
    measured = await call.api.views.get(kinds.TOPOLOGY, call.workspace, mesh)
    window = measured.document if measured else None
    start, seconds, edges = await _measured(call, mesh, window)
    topology = Topology(
        mesh=mesh,
        start=start,
        seconds=seconds,
        nodes=nodes(await _workloads(call, mesh)),
        edges=edges,
        source=window.source if window else None,
        failure=window.failure if window else None,
    )
    return answers.ok(topology)


@routes.add(
    "GET",
    "/v1/meshes/{id}/metrics",
    "getMeshMetrics",
    role="viewer",
    query=MetricsQuery,
    answer=Windows,
    problems=_READ,
)
async def history(call: Call[NoBody, MetricsQuery]) -> Response:
    """Show the traffic of a mesh over time, newest window first."""
    mesh = call.name()
    await _known(call, mesh)
    query = call.query
    windows = await call.api.views.metrics(
        call.workspace, mesh, since=query.since, until=query.until, limit=query.limit
    )
    items = [Window(start=one.start, seconds=one.seconds, edges=one.edges) for one in windows]
    return answers.ok(Windows(mesh=mesh, items=items))


async def _measured(
    call: Call[NoBody, TopologyQuery], mesh: str, newest: EdgesMeasured | None
) -> tuple[datetime.datetime | None, float, list[Edge]]:
    """From when on, for how long, and the edges."""
    query = call.query
    if query.since is None and query.until is None:
        return (newest.start, newest.seconds, newest.edges) if newest else (None, 0.0, [])
    windows = await call.api.views.metrics(call.workspace, mesh, since=query.since, until=query.until, limit=MAX_PAGE)
    seconds = sum(each.seconds for each in windows)
    edges = await asyncio.to_thread(merging.merge, [each.edges for each in reversed(windows)], seconds)
    return min((each.start for each in windows), default=None), round(seconds, 3), edges


async def _known(call: Call[NoBody, Read], mesh: str) -> None:
    if await call.api.views.get(kinds.MESHES, call.workspace, mesh) is None:
        raise not_found("mesh", mesh)


async def _workloads(call: Call[NoBody, Read], mesh: str) -> list[Workload]:
    workloads: list[Workload] = []
    cursor = ""
    while True:
        page = await call.api.views.page(
            kinds.WORKLOADS, call.workspace, where={"mesh": mesh}, limit=LARGEST_PAGE, cursor=cursor
        )
        workloads += [stored.document for stored in page.items]
        cursor = page.cursor
        if not cursor:
            return workloads


def nodes(workloads: list[Workload]) -> list[TopologyNode]:
    """The services of these workloads, in the order of their namespaces and names."""
    services: dict[tuple[str, str], list[Workload]] = {}
    for workload in workloads:
        if workload.service:
            services.setdefault((workload.namespace, workload.service), []).append(workload)
    return [
        TopologyNode(
            id=f"{namespace}/{service}" if namespace else service,
            namespace=namespace,
            workloads=sorted(workload.name for workload in members),
            versions=sorted({workload.version for workload in members}),
        )
        for (namespace, service), members in sorted(services.items())
    ]
