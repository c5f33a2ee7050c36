"""Releases: which revision of which design was applied to which mesh, by whom and why."""

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds, paging
from meshwright.schemas.base import ULID_PATTERN, ServiceName
from meshwright.schemas.designs import Release, ReleaseState
from meshwright.ui_api.http.problems import Refusal, invalid
from meshwright.ui_api.http.queries import LARGEST_PAGE, Page, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import designs

routes = Routes("releases")
_READ = ("store-unavailable", "not-yet-visible")


class ReleasePage(Page, frozen=True, kw_only=True):
    """Releases, filtered and sorted."""

    design: str = ""
    mesh: str = ""
    connection: str = ""
    state: ReleaseState | None = None
    operation: str = ""
    principal: str = ""
    service: Annotated[
        ServiceName | None,
        Meta(description="Whose design has an intent for this service (`name` or `namespace/name`) or for all."),
    ] = None
    order_by: Annotated[
        Literal["applied_at", "applied_at desc", "revision", "revision desc"],
        Meta(description="Field and direction."),
    ] = "applied_at desc"


@routes.add(
    "GET",
    "/v1/releases",
    "listReleases",
    role="viewer",
    query=ReleasePage,
    answer=views.listed(Release),
    problems=_READ,
)
async def index(call: Call[NoBody, ReleasePage]) -> Response:
    """List releases."""
    return await _page(call, call.query.design)


class OnMesh(Read, frozen=True, kw_only=True):
    """The mesh, where several have that revision."""

    mesh: Annotated[str, Meta(description="Needed where several meshes have a release of that revision.")] = ""


@routes.add(
    "GET",
    "/v1/designs/{id}/releases/{revision}",
    "getDesignRelease",
    places={"revision": "^[1-9][0-9]{0,17}$"},
    role="viewer",
    query=OnMesh,
    answer=Release,
    headers=("ETag",),
    problems=_READ,
)
async def revision(call: Call[NoBody, OnMesh]) -> Response:
    """Show the release of a design that has this revision, with its design and inventory."""
    await views.settle(call, kinds.RELEASES.stream)
    design, number = call.name(), int(call.name("revision"))
    where: dict[str, Any] = {"design.id": design, "revision": number}
    if call.query.mesh:
        where["mesh"] = call.query.mesh
    page = await call.api.views.page(
        kinds.RELEASES, call.workspace, where=where, sort="applied_at", descending=True, limit=LARGEST_PAGE
    )
    meshes = sorted({one.document.mesh for one in page.items})
    if not meshes:
        raise Refusal("not-found", f"there is no revision {number} of design {design!r}{_on(call.query.mesh)}")
    if len(meshes) > 1:
        raise invalid(f"revision {number} of {design} is on {', '.join(meshes)}: choose one of them", "#/query/mesh")
    return views.shown(call, page.items[0].document, page.items[0].seq)


@routes.add(
    "GET",
    "/v1/designs/{id}/releases",
    "listDesignReleases",
    role="viewer",
    query=ReleasePage,
    answer=views.listed(Release),
    problems=(*_READ, "bus-unavailable"),
)
async def of_design(call: Call[NoBody, ReleasePage]) -> Response:
    """List the releases of a design."""
    return await _page(call, call.name(), functools.partial(designs.known, call, call.name()))


@routes.add(
    "GET",
    "/v1/releases/{id}",
    "getRelease",
    places={"id": ULID_PATTERN},
    role="viewer",
    query=Read,
    answer=Release,
    headers=("ETag",),
    problems=_READ,
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a release with its design and inventory."""
    return await views.one(call, kinds.RELEASES, call.name(), "release")


def _on(mesh: str) -> str:
    return f" on {mesh}" if mesh else ""


async def _page(
    call: Call[NoBody, ReleasePage], design: str, parent: Callable[[], Awaitable[object]] | None = None
) -> Response:
    query = call.query
    where = {
        "design.id": design,
        "mesh": query.mesh,
        "connection": query.connection,
        "state": query.state,
        "operation": query.operation,
        "principal": query.principal,
    }
    also = paging.acting_on(query.service, "design") if query.service else None
    return await views.page(call, kinds.RELEASES, where, query.order_by, also=also, parent=parent)
