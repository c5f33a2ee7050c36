"""Replaying and dropping dead letters: each is one more message on the dead letter's own subject.

Problem: two users may replay and drop one dead letter at the same moment, and an API process may die between starting
the operation and marking the dead letter. Invariant: a mark is stored only behind the message that was read, so of two
one is refused; the operation that replaces a dead letter has an id derived from it, so there is never a second one, and
an interrupted replay is completed by the next one.
"""

from typing import Any

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.schemas import catalog, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.dead_letters import DeadLetter, DeadLetterDropped, DeadLetterReplayed
from meshwright.schemas.operations import Command
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.routing import Call
from meshwright.ui_api.requests.states import PUBLISH_S


async def newest(call: Call[Any, Any], operation: str) -> mwbus.Received | None:
    """The newest message about a dead letter, None when there is none (any more). Raises BusUnavailable."""
    if not subjects.TOKEN.match(operation):
        return None
    subject = subjects.fill(subjects.DEADLETTERS, workspace=call.workspace, operation=operation)
    message = await call.api.bus.last(subjects.DEADLETTERS.stream, subject)
    if message is None or call.api.directory.is_older(call.workspace, message):
        return None
    return None if message.type == DeadLetterDropped.wire.name else message


async def drop(call: Call[Any, Any], operation: str, reason: str, *, validate_only: bool) -> int:
    """Remove a dead letter from the list; returns the sequence of the mark, or of the existing message if nothing
    changes.

    Raises Refusal `not-found` or `stale`, BusUnavailable.
    """
    standing = await newest(call, operation)
    if standing is None:
        raise not_found("dead letter", operation)
    if validate_only:
        return standing.seq
    mark = DeadLetterDropped(operation=operation, principal=call.principal.name, reason=reason)
    try:
        return (await _store(call, standing, mark)).seq
    except mwbus.Conflict as error:
        raise Refusal("stale", f"{operation} was replayed or dropped concurrently") from error


def replacement(workspace: str, operation: str, standing: mwbus.Received) -> str:
    """The id of the one operation that replaces a dead letter: the existing one, or the future one."""
    try:
        message = standing.message()
    except catalog.UndecodableMessage:
        message = None
    if isinstance(message, DeadLetterReplayed):
        return message.replaced_by
    return ids.derived("replay", workspace, operation)


async def replaced(call: Call[Any, Any], operation: str, by: Command) -> None:
    """Mark the dead letter of an operation as replayed, if there is an open one. Raises BusUnavailable."""
    standing = await newest(call, operation)
    if standing is None or standing.type != DeadLetter.wire.name:
        return
    mark = DeadLetterReplayed(operation=operation, replaced_by=by.operation, principal=by.principal, reason=by.reason)
    try:
        await _store(call, standing, mark)
    except mwbus.Conflict:
        return  # another process was faster: its message says what happened to the dead letter


async def _store(call: Call[Any, Any], standing: mwbus.Received, mark: Message) -> mwbus.Ack:
    operation = standing.subject.rpartition(".")[2]
    return await call.api.bus.publisher.publish(
        standing.subject,
        mark,
        about=f"operations/{operation}",
        id=ids.derived(mark.wire.name, standing.subject, str(standing.seq)),
        expected_last=standing.seq,
        timeout=PUBLISH_S,
    )
