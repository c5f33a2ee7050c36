"""The graph of a mesh: services, versions or namespaces, and the traffic between them, now or over any span."""

import asyncio
import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core.measurements import merging
from meshwright.core.measurements.merging import EdgeNames
from meshwright.core.measurements.totals import Totals
from meshwright.core.store import kinds
from meshwright.schemas.base import Model, Moment, Name
from meshwright.schemas.readings.traffic import Topology, TopologyGroup
from meshwright.schemas.telemetry import Edge, EdgesMeasured
from meshwright.schemas.workloads import Proxy, Workload
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import not_found
from meshwright.ui_api.http.queries import LARGEST_PAGE, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.reading.traffic import adding
from meshwright.ui_api.reading.traffic.graph import Graph

routes = Routes("topology")
_READ = ("store-unavailable", "not-yet-visible")
MANY_NODES = 300
"""above so many nodes a graph is grouped by namespace unless another group is asked for"""
LARGEST_MESH = 20_000
"""workloads that are read for a graph"""


class TopologyQuery(Read, frozen=True, kw_only=True):
    """With `since` or `until` all windows that began then are added up, `since` inclusive; else the newest is shown.

    Without `group` it is `service`, and `namespace` for more than 300 nodes or with `expand`.
    """

    since: Moment | None = None
    until: Moment | None = None
    group: Annotated[TopologyGroup | None, Meta(description="What the nodes are.")] = None
    expand: Annotated[
        list[str], Meta(max_length=50, description="Namespaces whose services are shown one by one.")
    ] = []


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


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic of a span: from when on, for how long, by edge, and whether that is all of it."""

    start: datetime.datetime | None
    seconds: float
    sums: dict[EdgeNames, Totals]
    complete: bool = True


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
    """Show the graph of a mesh with requests per second, errors, latencies, mutual TLS and health."""
    mesh = call.name()
    await views.settle(call, kinds.MESHES.stream)
    await _known(call, mesh)
    newest = await call.api.views.get(kinds.TOPOLOGY, call.workspace, mesh)
    window = newest.document if newest else None
    measured, workloads, troubled = await asyncio.gather(
        _measured(call, mesh, window), _workloads(call, mesh), _troubled(call, mesh)
    )
    return answers.ok(await asyncio.to_thread(_topology, call.query, mesh, window, measured, workloads, troubled))


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


def _topology(
    query: TopologyQuery,
    mesh: str,
    window: EdgesMeasured | None,
    measured: Measured,
    workloads: list[Workload],
    troubled: list[Proxy],
) -> Topology:
    """The graph, grouped as it was asked for."""
    graph = Graph(workloads, troubled, "version" if query.group == "version" else "service")
    for names, total in measured.sums.items():
        graph.add(names, total)
    is_large = len(graph) > MANY_NODES
    group = query.group or ("namespace" if query.expand or is_large else "service")
    nodes, links = graph.grouped(group, query.expand, measured.seconds)
    is_plain = query.group is None and group == "service"
    edges = (
        [merging.edge(names, total, measured.seconds) for names, total in sorted(measured.sums.items())]
        if is_plain
        else []
    )
    return Topology(
        mesh=mesh,
        start=measured.start,
        seconds=measured.seconds,
        nodes=nodes,
        edges=edges,
        source=window.source if window else None,
        failure=window.failure if window else None,
        group=group,
        expanded=sorted(graph.namespaces.intersection(query.expand)),
        total_nodes=len(graph),
        links=links,
        complete=measured.complete,
    )


async def _measured(call: Call[NoBody, TopologyQuery], mesh: str, newest: EdgesMeasured | None) -> Measured:
    query = call.query
    if query.since is None and query.until is None:
        if newest is None:
            return Measured(start=None, seconds=0.0, sums={})
        return Measured(start=newest.start, seconds=newest.seconds, sums=_sums(newest.edges))
    store = call.api.views
    windows = await store.span(call.workspace, mesh, since=query.since, until=query.until)
    if newest and _reaches(newest, query) and all(window.start == newest.start for window in windows):
        return Measured(start=newest.start, seconds=newest.seconds, sums=_sums(newest.edges))
    begin = windows[-1].start if windows else datetime.datetime.now(datetime.UTC)
    added = await adding.add_up(store, call.workspace, mesh, windows, by="edge", since=begin)
    sums: dict[Any, Totals] = {**added.sums}
    return Measured(start=added.start, seconds=added.seconds, sums=sums, complete=added.complete)


def _reaches(window: EdgesMeasured, query: TopologyQuery) -> bool:
    """Whether the newest window ended in the span, in which it may not have begun: windows may be longer than it."""
    end = window.start + datetime.timedelta(seconds=window.seconds)
    return query.until is None and query.since is not None and end > query.since


def _sums(edges: list[Edge]) -> dict[EdgeNames, Totals]:
    sums: dict[EdgeNames, Totals] = {}
    for edge in edges:
        sums.setdefault(merging.names(edge), Totals()).add_edge(edge)
    return sums


async def _known(call: Call[NoBody, Read], mesh: str) -> None:
    if await call.api.views.get(kinds.MESHES, call.workspace, mesh) is None:
        raise not_found("mesh", mesh)


async def _workloads(call: Call[NoBody, Read], mesh: str) -> list[Workload]:
    workloads: list[Workload] = []
    cursor = ""
    while len(workloads) < LARGEST_MESH:
        page = await call.api.views.page(
            kinds.WORKLOADS, call.workspace, where={"mesh": mesh}, limit=LARGEST_PAGE, cursor=cursor
        )
        workloads += [stored.document for stored in page.items]
        cursor = page.cursor
        if not cursor:
            break
    return workloads


async def _troubled(call: Call[NoBody, Read], mesh: str) -> list[Proxy]:
    """Proxies that are not in sync, at most a page of them."""
    page = await call.api.views.page(
        kinds.PROXIES,
        call.workspace,
        where={"mesh": mesh, "state": ["rejected", "stale", "disconnected"]},
        limit=LARGEST_PAGE,
    )
    return [stored.document for stored in page.items]
