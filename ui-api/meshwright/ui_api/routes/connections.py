"""Connections: the platforms of meshes. Stored on STATE, read from the view."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core.store import kinds
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Connection, ConnectionTest, ConnectionTestRequest
from meshwright.schemas.discovery import ConnectionStatus
from meshwright.schemas.meshes import Detections
from meshwright.ui_api.http import answers
from meshwright.ui_api.http.bodies import Because
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import NoQuery, Read, Search, Write
from meshwright.ui_api.http.routing import Call, NoBody, Routes
from meshwright.ui_api.reading import views
from meshwright.ui_api.requests import connection_documents, detections, previews, states

routes = Routes("connections")
_KIND = "connection"
_TESTED = msgspec.json.Decoder(ConnectionTest)


class ConnectionPage(Search, frozen=True, kw_only=True):
    """Connections, filtered and sorted."""

    kind: str = ""
    order_by: Annotated[Literal["id", "id desc", "kind", "kind desc"], Meta(description="Field and direction.")] = "id"


@routes.add(
    "GET",
    "/v1/connections",
    "listConnections",
    role="viewer",
    query=ConnectionPage,
    answer=views.listed(Connection, counted=True),
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
    "GET",
    "/v1/connections/{id}/status",
    "getConnectionStatus",
    role="viewer",
    query=Read,
    answer=ConnectionStatus,
    headers=("ETag",),
    problems=("store-unavailable", "not-yet-visible"),
)
async def status(call: Call[NoBody, Read]) -> Response:
    """Show the status of discovery for a cluster: whether it answers, accepts the credentials, and is synced."""
    return await views.one(call, kinds.CONNECTION_STATUS, call.name(), "status of connection")


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
    problems=("stale", "if-match-required", "no-secret-key", "adapter-unavailable", "adapter-failed"),
    further_rules=(
        "`settings` are those of `kind`; their URLs lead to allowed destinations, and a kubeconfig uses"
        " no dangerous field that this server does not allow.",
        "If credentials are kept, no URL of `settings` has changed.",
    ),
)
async def put(call: Call[Connection, Write]) -> Response:
    """Create or change a connection. Omitted credentials are kept; they are never shown."""
    name = call.name()
    before = await states.standing(call, call.workspace, _KIND, name)
    message = connection_documents.message(call, before)
    written = await states.replace(
        call, call.workspace, _KIND, name, message, before, validate_only=call.query.validate_only
    )
    return states.answer(written, message.document)


@routes.add(
    "POST",
    "/v1/connections/{id}:test",
    "testConnection",
    role="operator",
    body=Because,
    answer=ConnectionTest,
    problems=previews.PROBLEMS,
)
async def test(call: Call[Because, NoQuery]) -> Response:
    """Test a connection through a worker: the identity used there and its permissions. Changes nothing."""
    connection, seq = await _standing(call)
    adapter = call.api.live_adapters.testers(connection.kind)[0]
    question = ConnectionTestRequest(workspace=call.workspace, connection=connection.id, seq=seq)
    return answers.ok(
        await previews.ask(
            call.api, adapter, "test-connection", msgspec.json.encode(question), _TESTED, previews.PREVIEW_S
        )
    )


@routes.add(
    "POST",
    "/v1/connections/{id}:detect",
    "detectMeshes",
    role="operator",
    body=Because,
    answer=Detections,
    problems=("adapter-unavailable", "bus-unavailable"),
)
async def detect(call: Call[Because, NoQuery]) -> Response:
    """Detect the meshes of a connection with every adapter, also those installed by others. Changes nothing."""
    connection, seq = await _standing(call)
    return answers.ok(await detections.detect(call.api, call.workspace, connection, seq))


async def _standing(call: Call[Because, NoQuery]) -> tuple[Connection, int]:
    """The connection of the path as it was written last, and at which sequence. Raises Refusal."""
    name = call.name()
    standing = await states.current(call.api.bus, call.workspace, _KIND, name)
    if standing is None:
        raise not_found(_KIND, name)
    written: Any = states.document(standing, Message)
    connection: Connection = written.document
    return connection, standing.seq


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
