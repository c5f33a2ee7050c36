"""The traffic of a mesh over time."""

import datetime
from typing import Annotated

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.core.store.traffic.pipelines import Endpoint, Selection
from meshwright.schemas.base import Moment, service_parts
from meshwright.schemas.readings.traffic import Series
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import invalid, not_found
from meshwright.ui_api.http.queries import LARGEST_PAGE, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading.traffic import series

routes = Routes("topology")
HOUR = datetime.timedelta(hours=1)
_Text = Annotated[str, Meta(max_length=400)]


class SeriesQuery(Read, frozen=True, kw_only=True):
    """Which span, in how many points, and which traffic: all of the mesh without a filter.

    `service`, `namespace` and `version` choose what is received, `source` what a service or workload has sent, and
    `destination` what was sent to a service or to a host outside of the mesh. Services may be `namespace/name`.
    """

    since: Annotated[Moment | None, Meta(description="An hour before `until` when it is left out.")] = None
    until: Annotated[Moment | None, Meta(description="Now when it is left out.")] = None
    points: Annotated[int, Meta(ge=1, le=series.MAX_POINTS, description="So many steps, or one more, or fewer.")] = 60
    service: _Text = ""
    namespace: _Text = ""
    version: _Text = ""
    source: _Text = ""
    destination: _Text = ""


@routes.add(
    "GET",
    "/v1/meshes/{id}/series",
    "getMeshSeries",
    role="viewer",
    query=SeriesQuery,
    answer=Series,
    problems=("store-unavailable", "not-yet-visible"),
)
async def show(call: Call[NoBody, SeriesQuery]) -> Response:
    """Show requests, errors, latencies and mutual TLS over time, in equal steps, oldest first.

    Quantiles are those of all requests of a step, from the histograms of its windows. A step in which nothing was
    measured has no `seconds`. Windows are kept for six hours, their sums by the minute for two days and by the hour for
    five weeks; older spans have steps of at least a minute or an hour.
    """
    mesh, query, views = call.name(), call.query, call.api.views
    if await views.get(kinds.MESHES, call.workspace, mesh) is None:
        raise not_found("mesh", mesh)
    until = (query.until or datetime.datetime.now(datetime.UTC)).astimezone(datetime.UTC)
    since = (query.since or until - HOUR).astimezone(datetime.UTC)
    if since >= until:
        raise invalid("must be before `until`", "#/query/since")
    selection = await _selection(call)
    return answers.ok(await series.of_span(views, call.workspace, mesh, since, until, query.points, selection))


async def _selection(call: Call[NoBody, SeriesQuery]) -> Selection:
    """Which edges are asked for. Raises Refusal `invalid-request`."""
    query = call.query
    if query.service and query.destination:
        raise invalid("means the same as `service`: leave one out", "#/query/destination")
    destination: Endpoint | None = None
    if query.service or query.destination or query.namespace or query.version:
        namespace, name = service_parts(query.service or query.destination)
        if namespace and query.namespace and namespace != query.namespace:
            raise invalid(f"{query.service or query.destination} is not in that namespace", "#/query/namespace")
        destination = Endpoint(
            namespace=namespace or query.namespace or None,
            names=(name,) if name else (),
            version=query.version or None,
            host=query.destination,
        )
    sources = await _sources(call, query.source) if query.source else None
    return Selection(sources=sources, destination=destination)


async def _sources(call: Call[NoBody, SeriesQuery], source: str) -> tuple[Endpoint, ...]:
    """The workloads of a service, and the workload of that name."""
    namespace, name = service_parts(source)
    where = {"mesh": call.name(), "service": name, "namespace": namespace}
    members = await call.api.views.page(
        kinds.WORKLOADS,
        call.workspace,
        where={field: value for field, value in where.items() if value},
        limit=LARGEST_PAGE,
    )
    by_namespace: dict[str | None, set[str]] = {namespace or None: {name}}
    for stored in members.items:
        by_namespace.setdefault(stored.document.namespace, set()).add(stored.document.name)
    return tuple(Endpoint(namespace=each, names=tuple(sorted(names))) for each, names in by_namespace.items())
