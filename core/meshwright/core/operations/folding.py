"""Folding an operation from its events.

Problem: the acceptance is copied by the server and may arrive after the worker's first event, and a time-out may race
with a success. Invariant: the acceptance only adds the request's data and never reverts later events; the first
terminal event in stream order decides, and afterwards only steps (being undone) still change.
"""

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from meshwright.core.operations import origins, steps
from meshwright.core.operations.records import Fact, Unprojectable
from meshwright.schemas import operations as wire
from meshwright.schemas.base import NAME_PATTERN, ULID_PATTERN, Message, whole
from meshwright.schemas.errors import Failure
from meshwright.schemas.operations import Operation

Changes: TypeAlias = dict[str, Any]
_ULID = re.compile(whole(ULID_PATTERN))
_NAME = re.compile(whole(NAME_PATTERN))


def fold(document: Operation | None, fact: Fact) -> Operation | None:
    """The operation after one of its events."""
    before = document or _unknown(fact)
    message = fact.message
    assert message is not None
    changes: Changes = {"last_seq": fact.seq}
    if (asked := _ASKED.get(type(message))) is not None:
        changes |= asked(before, message, fact)
    elif (stepped := steps.after(before.steps, message, fact)) is not None:
        changes["steps"] = stepped
    elif not before.done and (happened := _HAPPENED.get(type(message))) is not None:
        changes |= happened(before, message, fact)
    if not before.trace_id and fact.trace_id:
        changes["trace_id"] = fact.trace_id
    return msgspec.structs.replace(before, **changes)


def _unknown(fact: Fact) -> Operation:
    """The operation before its acceptance has arrived."""
    if not _ULID.match(fact.id):
        raise Unprojectable(f"{fact.id!r} is not the id of an operation")
    if not _NAME.match(fact.workspace):
        raise Unprojectable(f"{fact.workspace!r} is not the name of a workspace")
    named = fact.origin not in origins.NOT_ADAPTERS and _NAME.match(fact.origin)
    adapter = fact.origin if named else "unknown"
    return Operation(id=fact.id, workspace=fact.workspace, adapter=adapter)


def _accepted(before: Operation, message: wire.Command, fact: Fact) -> Changes:
    if message.operation != fact.id:
        raise Unprojectable(f"it is about {message.operation} but was published on the subject of {fact.id}")
    return {
        "adapter": message.adapter,
        "connection": message.connection,
        "mesh": message.mesh,
        "kind": message.kind,
        "arguments": message.arguments,
        "principal": message.principal,
        "reason": message.reason,
        "retry_of": message.retry_of,
        "accepted_at": message.accepted_at,
        "deadline": message.deadline,
        "trace_id": fact.trace_id or before.trace_id,
    }


def _queued(before: Operation, message: wire.OperationQueued, fact: Fact) -> Changes:
    waiting_for = message.reason or (f"operation {message.behind}" if message.behind else "")
    return {"state": "queued", "worker": message.worker, "waiting_for": waiting_for}


def _started(before: Operation, message: wire.OperationStarted, fact: Fact) -> Changes:
    return {
        "state": "running",
        "worker": message.worker,
        "attempt": message.attempt,
        "waiting_for": "",
        "failure": None,
        "started_at": before.started_at or fact.time,
    }


def _progressed(before: Operation, message: wire.OperationProgressed, fact: Fact) -> Changes:
    return {"progress": message.message}


def _undoing(before: Operation, message: wire.OperationUndoing, fact: Fact) -> Changes:
    return {"state": "running", "worker": message.worker, "progress": wire.TAKING_BACK, "waiting_for": ""}


def _retrying(before: Operation, message: wire.OperationRetrying, fact: Fact) -> Changes:
    next_at = message.next_attempt_at.isoformat(timespec="seconds")
    return {"state": "waiting", "waiting_for": f"the next attempt at {next_at}", "failure": message.failure}


def _cancel_requested(before: Operation, message: wire.CancelRequested, fact: Fact) -> Changes:
    return {"cancel_requested": True}


def _ended(state: str, fact: Fact, failure: Failure | None = None, result: Any = None) -> Changes:
    return {
        "state": state,
        "done": True,
        "finished_at": fact.time,
        "waiting_for": "",
        "failure": failure,
        "result": result,
    }


def _succeeded(before: Operation, message: wire.OperationSucceeded, fact: Fact) -> Changes:
    return _ended("succeeded", fact, result=message.result)


def _failed(before: Operation, message: wire.OperationFailed, fact: Fact) -> Changes:
    return _ended("failed", fact, message.failure)


def _cancelled(before: Operation, message: wire.OperationCancelled, fact: Fact) -> Changes:
    return _ended("cancelled", fact)


def _timed_out(before: Operation, message: wire.OperationTimedOut, fact: Fact) -> Changes:
    last = f"; before that: {before.failure.what}" if before.failure else ""
    failure = Failure(
        code="deadline-passed",
        what=f"The deadline passed before the operation ended{last}",
        cause="No worker of its adapter finished it in time."
        if before.attempt
        else "No worker of its adapter started it.",
        remedy="Check that the adapter runs (meshwright adapters list), then retry the operation.",
    )
    return _ended("timed_out", fact, failure)


def _dead_lettered(before: Operation, message: wire.OperationDeadLettered, fact: Fact) -> Changes:
    return _ended("dead_lettered", fact, message.failure)


Part: TypeAlias = Callable[[Operation, Any, Fact], Changes]

_ASKED: dict[type[Message], Part] = {wire.Command: _accepted}
_HAPPENED: dict[type[Message], Part] = {
    wire.OperationQueued: _queued,
    wire.OperationStarted: _started,
    wire.OperationProgressed: _progressed,
    wire.OperationUndoing: _undoing,
    wire.OperationRetrying: _retrying,
    wire.CancelRequested: _cancel_requested,
    wire.OperationSucceeded: _succeeded,
    wire.OperationFailed: _failed,
    wire.OperationCancelled: _cancelled,
    wire.OperationTimedOut: _timed_out,
    wire.OperationDeadLettered: _dead_lettered,
}
TYPES: tuple[type[Message], ...] = (
    *_ASKED,
    *_HAPPENED,
    wire.StepStarted,
    wire.StepCompleted,
    wire.StepFailed,
    wire.StepUndone,
)
"""the messages that this fold handles"""
