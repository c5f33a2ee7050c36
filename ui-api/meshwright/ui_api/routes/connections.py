"""Connections: where meshes live. Kept on STATE, read from the view."""

from typing import Annotated, Literal

from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.connections import Connection, ConnectionKind, ConnectionWritten
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.queries import Page, Read, Write
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import states

routes = Routes("connections")
_KIND = "connection"


class ConnectionPage(Page, frozen=True, kw_only=True):
    """Connections, filtered and sorted."""

    kind: ConnectionKind | None = None
    order_by: Annotated[Literal["id", "id desc", "kind", "kind desc"], Meta(description="Field and direction.")] = "id"


@routes.add(
    "GET",
    "/v1/connections",
    "listConnections",
    role="viewer",
    query=ConnectionPage,
    answer=views.listed(Connection),
    problems=("store-unavailable", "not-yet-visible"),
)
async def index(call: Call[NoBody, ConnectionPage]) -> Response:
    """List connections."""
    return await views.page(call, kinds.CONNECTIONS, {"kind": call.query.kind}, call.query.order_by)


@routes.add(
    "GET",
    "/v1/connections/{id}",
    "getConnection",
    role="viewer",
    query=Read,
    answer=Connection,
    headers=("ETag",),
    problems=("store-unavailable", "not-yet-visible"),
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show a connection."""
    return await views.one(call, kinds.CONNECTIONS, call.name(), _KIND)


@routes.add(
    "PUT",
    "/v1/connections/{id}",
    "putConnection",
    role="operator",
    query=Write,
    body=Connection,
    body_from_path=True,
    answer=Connection,
    also={201: "Created."},
    headers=("ETag", "Meshwright-Seq"),
    problems=("stale", "if-match-required"),
)
async def put(call: Call[Connection, Write]) -> Response:
    """Create or change a connection."""
    message = ConnectionWritten(
        document=call.body, principal=call.principal.name, reason=call.reason(call.query.reason)
    )
    written = await states.write(
        call, call.workspace, _KIND, call.name(), message, validate_only=call.query.validate_only
    )
    return states.answer(written, call.body)


@routes.add(
    "DELETE",
    "/v1/connections/{id}",
    "deleteConnection",
    role="operator",
    query=Write,
    status=204,
    headers=("Meshwright-Seq",),
    problems=("stale", "if-match-required", "in-use"),
)
async def delete(call: Call[NoBody, Write]) -> Response:
    """Remove a connection without meshes."""
    name = call.name()
    if meshes := call.api.directory.meshes_on(call.workspace, name):
        raise Refusal("in-use", f"connection {name} has the meshes {', '.join(meshes)}")
    reason = call.reason(call.query.reason)
    return answers.nothing(
        await states.delete(call, call.workspace, _KIND, name, reason, validate_only=call.query.validate_only)
    )
