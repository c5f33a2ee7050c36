"""A workspace at a glance, in one answer."""

import asyncio
import datetime
from typing import Annotated, Any

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.operations import titles
from meshwright.core.store import Kind, kinds, paging
from meshwright.schemas.base import Moment
from meshwright.schemas.readings.overview import Attention, Overview, RunningOperations
from meshwright.schemas.subjects import SYSTEM_WORKSPACE
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import invalid
from meshwright.ui_api.http.queries import LARGEST_PAGE, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.reading.overview import attention, meshes

routes = Routes("overview")
MESHES = 100
RUNNING = 10
"""running operations that are shown"""
SHOWN = 100
"""of what needs somebody"""
FAILED_WITHIN = datetime.timedelta(hours=1)
_MANY = 50


class OverviewQuery(Read, frozen=True, kw_only=True):
    """With `since` the traffic of each mesh is that from then on; without it that of the newest windows."""

    since: Annotated[Moment | None, Meta(description="Before now.")] = None


@routes.add(
    "GET",
    "/v1/overview",
    "getOverview",
    role="viewer",
    query=OverviewQuery,
    answer=Overview,
    problems=("store-unavailable", "not-yet-visible"),
)
async def show(call: Call[NoBody, OverviewQuery]) -> Response:
    """Show every mesh with its proxies and traffic, what runs, and what needs somebody, the worst first."""
    await views.settle(call, kinds.MESHES.stream)
    store, workspace = call.api.views, call.workspace
    now, since = datetime.datetime.now(datetime.UTC), call.query.since
    if since is not None and since >= now:
        raise invalid("must be in the past", "#/query/since")
    known, mesh_count, counts, running, newest = await asyncio.gather(
        _page(call, kinds.MESHES, limit=MESHES),
        store.count(kinds.MESHES, workspace),
        store.counts(kinds.PROXIES, workspace, ("mesh", "state")),
        store.count(kinds.OPERATIONS, workspace, {"done": False}),
        _page(call, kinds.OPERATIONS, where={"done": False}, sort="accepted_at", descending=True, limit=RUNNING),
    )
    glances, needs = await asyncio.gather(
        meshes.glance(store, workspace, known, counts, since), _attention(call, known, counts, now)
    )
    answer = Overview(
        meshes=glances,
        mesh_count=mesh_count,
        operations=RunningOperations(count=running, newest=[titles.titled(each) for each in newest]),
        attention=needs[:SHOWN],
        attention_total=len(needs),
        at=now,
    )
    return answers.ok(answer)


async def _attention(
    call: Call[NoBody, Read], known: list[Any], counts: dict[tuple[str, ...], int], now: datetime.datetime
) -> list[Attention]:
    ending: dict[str, Any] = {}
    paging.within(ending, "certificate.not_after", None, now + attention.CERTIFICATE_ENDS)
    recent: dict[str, Any] = {}
    paging.within(recent, "accepted_at", now - FAILED_WITHIN, None)
    rejected, certificates, statuses, drifts, letters, failed, windows, adapters = await asyncio.gather(
        _page(call, kinds.PROXIES, where={"state": "rejected"}, sort="state"),
        _page(call, kinds.PROXIES, also=ending),
        _page(call, kinds.CONNECTION_STATUS, limit=LARGEST_PAGE),
        _page(call, kinds.DRIFT, sort="detected_at", descending=True),
        _page(call, kinds.DEADLETTERS, where={"state": "open"}, sort="stored_at", descending=True),
        _page(call, kinds.OPERATIONS, where={"state": ["failed", "timed_out"]}, also=recent, descending=True),
        _page(call, kinds.TOPOLOGY, limit=MESHES),
        _page(call, kinds.ADAPTERS, workspace=SYSTEM_WORKSPACE),
    )
    live = frozenset(worker.name for worker in call.api.live_adapters.alive())
    return attention.sorted_by_need(
        [
            *attention.of_projection(call.api.freshness.complaint),
            *attention.of_meshes(known),
            *attention.of_adapters(adapters, live, known),
            *attention.of_proxies(rejected, counts),
            *attention.of_certificates(certificates, now),
            *attention.of_connections(statuses),
            *attention.of_dead_letters(letters),
            *attention.of_drift(drifts),
            *attention.of_operations(failed),
            *attention.of_traffic([each for each in windows if each.mesh in {mesh.id for mesh in known}]),
        ]
    )


async def _page(
    call: Call[NoBody, Read], kind: Kind[Any], *, limit: int = _MANY, workspace: str = "", **more: Any
) -> list[Any]:
    """The first documents of a kind."""
    page = await call.api.views.page(kind, workspace or call.workspace, limit=limit, **more)
    return [stored.document for stored in page.items]
