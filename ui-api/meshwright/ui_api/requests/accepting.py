"""Accepting operations: from a checked request to a command that JetStream has acknowledged.

Problem: a client whose connection broke cannot know whether its request was accepted, and must be able to retry without
starting the operation twice. Invariant: an operation is one command message; its id follows from the Idempotency-Key,
the stream stores an id once, and a repeated request gets the response of the first one. A refused request changes
nothing. A dead letter whose operation is started again is marked as replayed.
"""

import datetime
import functools
import hashlib
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Concatenate, ParamSpec, TypeVar

import msgspec
from msgspec import Meta
from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.operations import titles
from meshwright.core.telemetry import tracing
from meshwright.schemas import catalog, operations, subjects
from meshwright.schemas.base import Model, Text, whole
from meshwright.schemas.operations import Command, Operation
from meshwright.ui_api.http import answers, bodies
from meshwright.ui_api.http.problems import Refusal, invalid
from meshwright.ui_api.http.queries import Write
from meshwright.ui_api.http.routing import Call, Header
from meshwright.ui_api.requests import dead_letters, previews
from meshwright.ui_api.requests.states import PUBLISH_S

P = ParamSpec("P")
C = TypeVar("C", bound=Call[Any, Any])
DEADLINE_S = 300
LONGEST_DEADLINE_S = 24 * 3600
KEY = "Idempotency-Key"
IDEMPOTENCY_KEY = Header(
    name=KEY,
    description="Repeating a request with the same key asks for nothing new: 1 to 256 printable ASCII characters, "
    "bare or as a structured string in quotes.",
    pattern=r'^("([ !#-\[\]-~]|\\["\\]){1,256}"|[!#-~]([ -~]{0,254}[!-~])?)?$',
)
_KEY = re.compile(whole(IDEMPOTENCY_KEY.pattern))


class OperationOptions(Model, frozen=True, kw_only=True):
    """The options of every request for an operation."""

    reason: Text = ""
    keep_on_failure: bool = False
    """leave completed steps in place when the operation fails"""
    deadline_seconds: Annotated[int, Meta(ge=1, le=LONGEST_DEADLINE_S)] = DEADLINE_S


class OperationRequest(Model, frozen=True, kw_only=True):
    """A request for one operation. `version` None: the newest that a live worker supports."""

    adapter: str
    connection: str
    mesh: str
    kind: str
    version: int | None = None
    arguments: dict[str, Any] = {}
    preview: bool = False
    """whether the adapter's preview is required before, so that what it refuses is refused here"""
    retry_of: str | None = None


async def answered(call: Call[Any, Any], *, only: str = "") -> Response | None:
    """The response to a request that was accepted before, or None when it is new: call it before any check.

    `only` is the operation's id when there may be only one, whichever caller and key: every repetition gets that one.

    Raises Refusal, BusUnavailable.
    """
    operation = _operation(call, only)
    if not operation or (stored := await find(call, operation)) is None:
        return None
    return await _answer(call, *_same(stored, "" if only else _fingerprint(call)))


def repeatable(
    handler: Callable[Concatenate[C, P], Awaitable[Response]],
) -> Callable[Concatenate[C, P], Awaitable[Response]]:
    """A handler whose request may be repeated: with an Idempotency-Key, it gets the response of the first one."""

    @functools.wraps(handler)
    async def answer(call: C, /, *more: P.args, **named: P.kwargs) -> Response:
        earlier = await answered(call)
        return await handler(call, *more, **named) if earlier is None else earlier

    return answer


async def accept(
    call: Call[Any, Any], options: OperationOptions, wanted: OperationRequest, *, only: str = ""
) -> Response:
    """202 with the operation; for `validate_only` 200 with the adapter's preview. `only` is as for `answered`.

    Raises Refusal, BusUnavailable.
    """
    operation = _operation(call, only) or ids.fresh()
    command = _command(call, options, wanted, operation, only or _fingerprint(call))
    bodies.bounded(command)
    if isinstance(call.query, Write) and call.query.validate_only:
        return answers.ok(await previews.preview(call.api, command))
    if wanted.preview:
        await previews.check(call.api, command)
    return await _answer(call, *await _publish(call, command))


def _operation(call: Call[Any, Any], only: str) -> str:
    """The id that follows from the request itself; empty when it has no Idempotency-Key."""
    key = idempotency_key(call.header(KEY))
    return only or (_of_key(call, key) if key else "")


def _of_key(call: Call[Any, Any], key: str) -> str:
    """The operation of one principal, key and workspace; a later workspace of that name gets another one."""
    made = call.api.directory.made_at(call.workspace)
    return ids.derived(call.workspace, call.principal.name, key, *([made.isoformat()] if made else []))


async def find(call: Call[Any, Any], operation: str) -> mwbus.Received | None:
    """The command of an operation as it is stored, or None. Raises BusUnavailable."""
    subject = subjects.fill(subjects.COMMANDS, workspace=call.workspace, operation=operation)
    message = await call.api.bus.last(subjects.COMMANDS.stream, subject)
    return None if message is None or call.api.directory.is_older(call.workspace, message) else message


def idempotency_key(header: str) -> str:
    """The key in the header, with or without the quotes of a structured string; empty when there is none.

    Raises Refusal `invalid-request`.
    """
    text = header.strip(" \t")
    if not _KEY.match(text):
        raise invalid(f"{KEY}: {IDEMPOTENCY_KEY.description.rpartition(': ')[2]}", f"#/header/{KEY}")
    return re.sub(r'\\(["\\])', r"\1", text[1:-1]) if text.startswith('"') else text


def accepted_operation(command: Command, trace_id: str = "") -> Operation:
    """The operation before any event."""
    operation = Operation(
        id=command.operation,
        workspace=command.workspace,
        adapter=command.adapter,
        connection=command.connection,
        mesh=command.mesh,
        kind=command.kind,
        arguments=command.arguments,
        principal=command.principal,
        reason=command.reason,
        retry_of=command.retry_of,
        accepted_at=command.accepted_at,
        deadline=command.deadline,
        trace_id=trace_id,
    )
    return titles.titled(operation)


def command_of(stored: mwbus.Received) -> Command:
    """The command in a stored message. Raises Refusal `unreadable-command`."""
    try:
        message = stored.message()
    except catalog.UndecodableMessage as error:
        raise Refusal("unreadable-command", str(error)) from error
    if not isinstance(message, Command):
        raise Refusal("unreadable-command", f"{stored.type or 'a message without a type'} is not a command")
    return message


def operation_of(stored: mwbus.Received) -> Operation:
    """The operation of a stored command, without any events. Raises Refusal `unreadable-command`."""
    trace = tracing.trace_id_of(stored.headers.get("traceparent", ""))
    return accepted_operation(command_of(stored), trace)


def retry_of(command: Command) -> OperationRequest:
    """The same request again, in the current version, linked to the operation before."""
    version, arguments = operations.renewed(command)
    return OperationRequest(
        adapter=command.adapter,
        connection=command.connection,
        mesh=command.mesh,
        kind=command.kind,
        version=version,
        arguments=arguments,
        retry_of=command.operation,
    )


def command_for(call: Call[Any, Any], wanted: OperationRequest, operation: str, seconds: float) -> Command:
    """The command that requests this from a live adapter, for this caller, with a deadline in seconds.

    Raises Refusal when no live adapter serves it.
    """
    offer = call.api.live_adapters.offer(wanted.adapter, wanted.kind, wanted.version)
    now = datetime.datetime.now(datetime.UTC)
    return Command(
        operation=operation,
        workspace=call.workspace,
        adapter=wanted.adapter,
        connection=wanted.connection,
        mesh=wanted.mesh,
        kind=wanted.kind,
        version=offer.version,
        mutates=offer.mutates,
        arguments=wanted.arguments,
        principal=call.principal.name,
        accepted_at=now,
        deadline=now + datetime.timedelta(seconds=seconds),
        retry_of=wanted.retry_of,
    )


def _fingerprint(call: Call[Any, Any]) -> str:
    hashed = hashlib.sha256()
    for part in (call.request.method, call.request.url.path, call.request.url.query):
        hashed.update(part.encode() + b"\0")
    hashed.update(call.raw)
    return hashed.hexdigest()


def _command(
    call: Call[Any, Any], options: OperationOptions, wanted: OperationRequest, operation: str, fingerprint: str
) -> Command:
    return msgspec.structs.replace(
        command_for(call, wanted, operation, options.deadline_seconds),
        reason=call.reason(options.reason or (call.query.reason if isinstance(call.query, Write) else "")),
        keep_on_failure=options.keep_on_failure,
        fingerprint=fingerprint,
    )


async def _publish(call: Call[Any, Any], command: Command) -> tuple[Command, int, str]:
    """Store the command; if it was stored before, return the stored one."""
    bus = call.api.bus
    subject = subjects.fill(
        subjects.COMMANDS,
        workspace=command.workspace,
        adapter=command.adapter,
        connection=command.connection,
        queue=command.mesh if command.mutates else subjects.UNORDERED,
        operation=command.operation,
    )
    try:
        ack = await bus.publisher.publish(
            subject,
            command,
            about=f"operations/{command.operation}",
            id=command.operation,
            expected_last=0,
            timeout=PUBLISH_S,
        )
        seq, fresh = ack.seq, not ack.duplicate
    except mwbus.Conflict as error:
        seq, fresh = error.current or 0, False
    except mwbus.BusUnavailable:
        call.api.meters.published.add("command", "unavailable")
        raise
    call.api.meters.published.add("command", "stored" if fresh else "repeated")
    if fresh:
        return command, seq, tracing.trace_id()
    stored = await bus.at(subjects.COMMANDS.stream, seq) if seq else None
    if stored is None:
        raise mwbus.BusUnavailable(f"operation {command.operation} is stored but cannot be read")
    return _same(stored, command.fingerprint)


def _same(stored: mwbus.Received, fingerprint: str) -> tuple[Command, int, str]:
    """The stored command, when it came from the same request or (without a fingerprint) from any.

    Raises Refusal `idempotency-key-reused`, `unreadable-command`.
    """
    command = command_of(stored)
    if fingerprint and command.fingerprint != fingerprint:
        raise Refusal("idempotency-key-reused", f"the key belongs to operation {command.operation}")
    return command, stored.seq, tracing.trace_id_of(stored.envelope().traceparent)


async def _answer(call: Call[Any, Any], command: Command, seq: int, trace_id: str) -> Response:
    if command.retry_of:
        await dead_letters.replaced(call, command.retry_of, command)
    return answers.ok(
        accepted_operation(command, trace_id),
        202,
        Location=f"/v1/operations/{command.operation}",
        Retry_After="1",
        Meshwright_Seq=str(seq),
    )
