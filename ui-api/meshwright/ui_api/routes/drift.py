"""Drift: resources of a mesh that differ from what a release applied."""

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.drift import Drift
from meshwright.ui_api.http.queries import Page
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views

routes = Routes("drift")


class DriftPage(Page, frozen=True, kw_only=True):
    """Drifts, filtered and sorted."""

    mesh: str = ""
    design: str = ""
    order_by: Annotated[
        Literal["id", "id desc", "detected_at", "detected_at desc"], Meta(description="Field and direction.")
    ] = "detected_at desc"


@routes.add(
    "GET",
    "/v1/drift",
    "listDrift",
    role="viewer",
    query=DriftPage,
    answer=views.listed(Drift),
    problems=("store-unavailable", "not-yet-visible"),
)
async def index(call: Call[NoBody, DriftPage]) -> Response:
    """List the drift of releases."""
    query = call.query
    return await views.page(call, kinds.DRIFT, {"mesh": query.mesh, "design": query.design}, query.order_by)
