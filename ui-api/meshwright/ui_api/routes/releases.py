"""Releases: which revision of which design was applied where, by whom and why."""

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.base import ULID_PATTERN
from meshwright.schemas.designs import Release, ReleaseState
from meshwright.ui_api.http.queries import Page, Read
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views

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


@routes.add(
    "GET",
    "/v1/designs/{id}/releases",
    "listDesignReleases",
    role="viewer",
    query=ReleasePage,
    answer=views.listed(Release),
    problems=_READ,
)
async def of_design(call: Call[NoBody, ReleasePage]) -> Response:
    """List the releases of a design."""
    return await _page(call, call.name())


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


async def _page(call: Call[NoBody, ReleasePage], design: str) -> Response:
    query = call.query
    where = {
        "design.id": design,
        "mesh": query.mesh,
        "connection": query.connection,
        "state": query.state,
        "operation": query.operation,
        "principal": query.principal,
    }
    return await views.page(call, kinds.RELEASES, where, query.order_by)
