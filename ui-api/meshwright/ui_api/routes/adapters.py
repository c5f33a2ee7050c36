"""Adapters: who is alive, what they do, and the intent matrix."""

from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.adapters import Adapter
from meshwright.schemas.subjects import SYSTEM_WORKSPACE
from meshwright.ui_api import reading
from meshwright.ui_api.problems import not_found
from meshwright.ui_api.queries import Page, Read
from meshwright.ui_api.routing import Call, NoBody, Routes

routes = Routes("adapters")


@routes.add(
    "GET",
    "/v1/adapters",
    "listAdapters",
    role="viewer",
    query=Page,
    answer=reading.listed(Adapter),
    problems=("store-unavailable", "not-yet-visible"),
)
async def index(call: Call[NoBody, Page]) -> Response:
    """List adapters with their operations, intent matrix and live instances."""
    return await reading.page(call, kinds.ADAPTERS, workspace=SYSTEM_WORKSPACE)


@routes.add(
    "GET",
    "/v1/adapters/{id}",
    "getAdapter",
    role="viewer",
    query=Read,
    answer=Adapter,
    headers=("ETag",),
    problems=("store-unavailable", "not-yet-visible"),
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show an adapter."""
    await reading.settle(call, kinds.ADAPTERS.stream)
    found = await call.api.views.get(kinds.ADAPTERS, SYSTEM_WORKSPACE, call.name())
    if found is None:
        raise not_found("adapter", call.name())
    return reading.shown(call, found.document, found.seq)
