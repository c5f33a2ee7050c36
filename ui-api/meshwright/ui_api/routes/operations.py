"""Operations: starting any, following, cancelling, retrying."""

import asyncio
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.operations import journal, origins, titles
from meshwright.core.store import kinds, paging
from meshwright.schemas import subjects
from meshwright.schemas.base import ULID_PATTERN, Moment, Name, ServiceName
from meshwright.schemas.catalog import TERMINAL_TYPES
from meshwright.schemas.errors import FieldError
from meshwright.schemas.operations import (
    OPERATION_TYPES,
    ApplyDesign,
    Arguments,
    CancelRequested,
    Command,
    InstallMesh,
    Operation,
    OperationState,
    OperationSucceeded,
    UpgradeMesh,
)
from meshwright.ui_api.http import answers, bodies
from meshwright.ui_api.http.bodies import Because
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.queries import Read, Search, Write
from meshwright.ui_api.http.routing import Call, NoBody, Routes, asking
from meshwright.ui_api.reading import operations, touching, views
from meshwright.ui_api.requests import accepting, designs, mesh_values, targets
from meshwright.ui_api.requests.accepting import OperationOptions, OperationRequest
from meshwright.ui_api.requests.states import PUBLISH_S

routes = Routes("operations")
_ULID = {"id": ULID_PATTERN}
_KNOWN: dict[tuple[str, int], type[Arguments]] = {(one.kind.name, one.kind.version): one for one in OPERATION_TYPES}


_WITH_VALUES = (InstallMesh.kind.name, UpgradeMesh.kind.name)


class OperationPage(Search, frozen=True, kw_only=True):
    """Operations, filtered and sorted."""

    state: OperationState | None = None
    done: bool | None = None
    kind: str = ""
    adapter: str = ""
    connection: str = ""
    mesh: str = ""
    principal: str = ""
    worker: str = ""
    trace_id: str = ""
    service: Annotated[
        ServiceName | None,
        Meta(description="About a design with an intent for this service or for all, or about its workloads."),
    ] = None
    since: Annotated[Moment | None, Meta(description="Accepted then or later.")] = None
    until: Annotated[Moment | None, Meta(description="Accepted before.")] = None
    changes: Annotated[bool, Meta(description="Only those that change their mesh, to be marked on a chart.")] = False
    order_by: Annotated[
        Literal["accepted_at", "accepted_at desc", "last_seq", "last_seq desc", "id", "id desc"],
        Meta(description="Field and direction."),
    ] = "accepted_at desc"


class StartOperation(OperationOptions, frozen=True, kw_only=True):
    """Any operation that a live adapter announces.

    `adapter` and `connection` may be omitted when the mesh exists; `version` when the newest is meant.
    """

    kind: Annotated[str, Meta(max_length=100)]
    mesh: Name
    adapter: Name | None = None
    connection: Name | None = None
    version: Annotated[int, Meta(ge=1)] | None = None
    arguments: dict[str, Any] = {}


@routes.add(
    "GET",
    "/v1/operations",
    "listOperations",
    role="viewer",
    query=OperationPage,
    answer=views.listed(Operation, counted=True),
    problems=("store-unavailable", "not-yet-visible"),
)
async def index(call: Call[NoBody, OperationPage]) -> Response:
    """List operations, newest first."""
    query = call.query
    names = ("state", "done", "kind", "adapter", "connection", "mesh", "principal", "worker", "trace_id")
    where = {name: getattr(query, name) for name in names}
    if query.changes and not query.kind:
        where["kind"] = list(titles.CHANGING)
    also: dict[str, Any] = {}
    paging.within(also, "accepted_at", query.since, query.until)
    if query.service:
        also |= await touching.service(call, query.service, query.mesh)
    return await views.page(
        call, kinds.OPERATIONS, where, query.order_by, stream=kinds.COMMANDS, also=also, shown=titles.titled
    )


@routes.add(
    "POST",
    "/v1/operations",
    "startOperation",
    role="operator",
    query=Write,
    body=StartOperation,
    further_rules=(
        "`arguments` fits the schema of its kind and version: "
        + ", ".join(f"{kind.__name__} for {name} in version {version}" for (name, version), kind in _KNOWN.items()),
        "`mesh` belongs to the adapter and connection that are named.",
    ),
    answer=Operation,
    **asking("unsupported-intent"),
)
@accepting.repeatable
async def start(call: Call[StartOperation, Write]) -> Response:
    """Start any operation that a live adapter announces."""
    asked = call.body
    target = _target(call, asked)
    offer = call.api.live_adapters.offer(target.adapter, asked.kind, asked.version)
    arguments, preview = _checked(asked, offer.version)
    if asked.kind in _WITH_VALUES:
        mesh_values.check(call.api, target.adapter, arguments.get("values", {}), "#/arguments/values")
    return await accepting.accept(
        call, call.body, msgspec.structs.replace(target, arguments=arguments, preview=preview)
    )


class CancelOperation(Because, frozen=True, kw_only=True):
    """The reason, and whether completed steps stay.

    With `abandon` nothing is undone and the mesh is free for other operations, also when the operation has timed out
    and no worker is left that could undo it.
    """

    abandon: bool = False


@routes.add(
    "POST",
    "/v1/operations/{id}:cancel",
    "cancelOperation",
    places=_ULID,
    role="operator",
    body=CancelOperation,
    answer=Operation,
    status=202,
    problems=("operation-finished", "unreadable-command", "bus-unavailable"),
)
async def cancel(call: Call[CancelOperation, Any]) -> Response:
    """Request the worker to stop; `cancelled` follows as an event when it has."""
    stored, ended = await _stored(call)
    command = accepting.command_of(stored)
    abandon = call.body.abandon
    if ended:
        over = await journal.has_ended(call.api.bus, command)
        if over or not abandon:
            hint = "" if over else "; its adapter has yet to undo completed steps, which `abandon` would skip"
            raise Refusal("operation-finished", f"it has ended: {_state(ended)}{hint}")
    message = CancelRequested(principal=call.principal.name, reason=call.reason(call.body.reason), abandon=abandon)
    ack = await call.api.bus.publisher.publish(
        origins.subject(call.workspace, origins.API, command.operation),
        message,
        about=f"operations/{command.operation}",
        id=ids.derived("abandon" if abandon else "cancel", command.operation),
        timeout=PUBLISH_S,
    )
    call.api.meters.published.add("cancel", "repeated" if ack.duplicate else "stored")
    shown = msgspec.structs.replace(accepting.operation_of(stored), cancel_requested=True)
    return answers.ok(shown, 202, Location=f"/v1/operations/{command.operation}")


@routes.add(
    "POST",
    "/v1/operations/{id}:retry",
    "retryOperation",
    places=_ULID,
    role="operator",
    query=Write,
    body=OperationOptions,
    answer=Operation,
    **asking("operation-finished", "unreadable-command"),
)
@accepting.repeatable
async def retry(call: Call[OperationOptions, Write]) -> Response:
    """Start the same operation again, as a new one that is linked to this one; only after it ended without success.

    It is planned again, against the present state.
    """
    stored, ended = await _stored(call)
    if not ended:
        raise Refusal("operation-finished", "it has not ended yet: cancel it first, or wait")
    if ended == OperationSucceeded.wire.name:
        raise Refusal("operation-finished", "it succeeded; start a new one instead")
    wanted = accepting.retry_of(accepting.command_of(stored))
    return await accepting.accept(
        call, call.body, msgspec.structs.replace(wanted, preview=_is_previewed(wanted.kind, wanted.version))
    )


@routes.add(
    "GET",
    "/v1/operations/{id}",
    "getOperation",
    places=_ULID,
    role="viewer",
    query=Read,
    answer=Operation,
    headers=("ETag",),
    problems=("store-unavailable", "unreadable-command", "bus-unavailable"),
)
async def show(call: Call[NoBody, Read]) -> Response:
    """Show an operation with its steps, as its events are now: also when the views are behind or unavailable."""
    return await operations.shown(call, call.name())


def _target(call: Call[StartOperation, Write], asked: StartOperation) -> OperationRequest:
    """The adapter and connection: the mesh's, or the request's for a mesh that does not exist yet."""
    mesh = call.api.directory.mesh(call.workspace, asked.mesh)
    adapter = asked.adapter or (mesh.adapter if mesh else None)
    connection = asked.connection or (mesh.connection if mesh else None)
    if mesh is None and (adapter is None or connection is None):
        targets.mesh(call.api, call.workspace, asked.mesh, "#/mesh")
    if mesh is not None and (adapter != mesh.adapter or connection != mesh.connection):
        detail = f"mesh {mesh.id} belongs to adapter {mesh.adapter} on connection {mesh.connection}"
        raise Refusal("invalid-document", detail, errors=[FieldError(detail=detail, pointer="#/mesh")])
    assert adapter is not None
    assert connection is not None
    targets.connection(call.api, call.workspace, connection, "#/connection")
    return OperationRequest(
        adapter=adapter, connection=connection, mesh=asked.mesh, kind=asked.kind, version=asked.version
    )


def _checked(asked: StartOperation, version: int) -> tuple[dict[str, Any], bool]:
    """The arguments as their Struct, and whether the adapter's preview is required before."""
    kind = _KNOWN.get((asked.kind, version))
    if kind is None:
        return asked.arguments, False  # an operation of the adapter's own: its worker decodes the arguments strictly
    try:
        arguments = bodies.typed(asked.arguments, kind)
    except Refusal as refused:
        for index, error in enumerate(refused.errors):
            pointer = "#/arguments" + error.pointer.removeprefix("#")
            refused.errors[index] = FieldError(detail=error.detail, pointer=pointer)
        raise
    if isinstance(arguments, ApplyDesign):
        designs.sound(arguments.design, "#/arguments/design")
    return msgspec.to_builtins(arguments), _is_previewed(asked.kind, version)


def _is_previewed(kind: str, version: int | None) -> bool:
    """Whether a preview is required before, as for a design that is applied by its own route."""
    return _KNOWN.get((kind, version or 0)) is ApplyDesign


async def _stored(call: Call[Any, Any]) -> tuple[mwbus.Received, str]:
    """The command as stored, and the wire name of its terminal event ("" while it has none)."""
    name = call.name()
    stored = await accepting.find(call, name)
    if stored is None:
        raise not_found("operation", name)
    command = accepting.command_of(stored)
    messages = await asyncio.gather(*(_last(call, command, origin) for origin in (command.adapter, origins.SCHEDULER)))
    ends = sorted((one for one in messages if one is not None and one.type in TERMINAL_TYPES), key=lambda one: one.seq)
    return stored, ends[0].type if ends else ""


async def _last(call: Call[Any, Any], command: Command, origin: str) -> mwbus.Received | None:
    subject = origins.subject(command.workspace, origin, command.operation)
    return await call.api.bus.last(subjects.EVENTS.stream, subject)


def _state(wire_name: str) -> str:
    return wire_name.split(".")[-2]
