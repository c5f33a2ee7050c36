"""Writing resources: one message per version on STATE, guarded by the version that was read.

Problem: two users who save the same design must not overwrite each other, and a save must work while the database is
unavailable. Invariant: a write is one message with the expected sequence of its subject; the current version is read
from the bus.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects
from meshwright.schemas.access import ResourceDeleted
from meshwright.schemas.base import Message, Model
from meshwright.ui_api.http import answers, bodies, preconditions
from meshwright.ui_api.http.problems import Refusal, not_found
from meshwright.ui_api.http.routing import Call

PUBLISH_S = 2.0
"""time-out in seconds of a write, after which the API reports the bus as unavailable"""


class Written(Model, frozen=True, kw_only=True):
    """The result of a write; `seq` is the new ETag, `created` whether there was no version before."""

    seq: int
    created: bool


class CurrentState(msgspec.Struct, frozen=True, kw_only=True):
    """The present state of a subject: its newest message, and that message as `version` when it is a document."""

    newest: mwbus.Received | None
    version: mwbus.Received | None

    @property
    def seq(self) -> int:
        """The sequence of the newest message, 0 when there is none."""
        return self.newest.seq if self.newest else 0


async def current(bus: mwbus.StreamReader, workspace: str, kind: str, name: str) -> mwbus.Received | None:
    """The newest version of a resource, or None when it does not exist (any more). Raises BusUnavailable."""
    return alive(await newest(bus, workspace, kind, name))


async def newest(bus: mwbus.StreamReader, workspace: str, kind: str, name: str) -> mwbus.Received | None:
    """The newest message about a resource, which may be its tombstone. Raises BusUnavailable."""
    subject = subjects.fill(subjects.STATE, workspace=workspace, kind=kind, id=name)
    return await bus.last(subjects.STATE.stream, subject)


def alive(message: mwbus.Received | None) -> mwbus.Received | None:
    """The message, unless it is a tombstone."""
    return None if message is None or message.type == ResourceDeleted.wire.name else message


async def write(
    call: Call[Any, Any], workspace: str, kind: str, name: str, message: Message, *, validate_only: bool
) -> Written:
    """Store a version of a resource under the caller's preconditions.

    Raises Refusal, BusUnavailable.
    """
    before = await standing(call, workspace, kind, name)
    return await replace(call, workspace, kind, name, message, before, validate_only=validate_only)


async def standing(call: Call[Any, Any], workspace: str, kind: str, name: str) -> CurrentState:
    """What a write would replace, after checking the caller's preconditions.

    Raises Refusal, BusUnavailable.
    """
    message = await newest(call.api.bus, workspace, kind, name)
    version = alive(message)
    preconditions.for_write(call.header("If-Match"), call.header("If-None-Match"), version.seq if version else None)
    return CurrentState(newest=message, version=version)


async def replace(
    call: Call[Any, Any],
    workspace: str,
    kind: str,
    name: str,
    message: Message,
    before: CurrentState,
    *,
    validate_only: bool,
) -> Written:
    """Store a version that replaces exactly that one.

    Raises Refusal, BusUnavailable.
    """
    bodies.bounded(message)
    created = before.version is None
    if validate_only:
        return Written(seq=before.version.seq if before.version else 0, created=created)
    return Written(seq=await store(call, workspace, kind, name, message, before.seq), created=created)


def number(call: Call[Any, Any], stored: mwbus.Received | None) -> int:
    """The number of a version of a resource whose versions are counted, 0 for none.

    A version from before they were counted has its sequence as its number. In a workspace that was created again the
    count restarts.
    """
    if stored is None or call.api.directory.is_older(call.workspace, stored):
        return 0
    message: Any = stored.message()
    return int(message.version or stored.seq)


async def delete(
    call: Call[Any, Any],
    workspace: str,
    kind: str,
    name: str,
    reason: str,
    *,
    validate_only: bool,
    counted: bool = False,
) -> int:
    """Store the tombstone of a resource, which is one more version where they are counted, and return its sequence.

    Raises Refusal, BusUnavailable.
    """
    standing = await current(call.api.bus, workspace, kind, name)
    if standing is None:
        raise not_found(kind, name)
    preconditions.for_write(call.header("If-Match"), "", standing.seq)
    if validate_only:
        return standing.seq
    version = number(call, standing) + 1 if counted else 0
    return await tombstone(call, workspace, kind, name, reason, standing.seq, version)


async def tombstone(
    call: Call[Any, Any], workspace: str, kind: str, name: str, reason: str, expected: int, version: int = 0
) -> int:
    """Store the tombstone of the version at `expected` and return its sequence; raises as `store` does."""
    message = ResourceDeleted(kind=kind, id=name, version=version, principal=call.principal.name, reason=reason)
    return await store(call, workspace, kind, name, message, expected)


async def store(call: Call[Any, Any], workspace: str, kind: str, name: str, message: Message, expected: int) -> int:
    """Store one version behind the one at `expected` and return its sequence.

    Raises Refusal `stale`, BusUnavailable.
    """
    subject = subjects.fill(subjects.STATE, workspace=workspace, kind=kind, id=name)
    about = f"{kind}s/{name}"
    try:
        ack = await call.api.bus.publisher.publish(
            subject, message, about=about, expected_last=expected, timeout=PUBLISH_S
        )
    except mwbus.Conflict as error:
        call.api.meters.published.add(kind, "conflict")
        raise Refusal("stale", f"{kind} {name} was changed concurrently") from error
    except mwbus.BusUnavailable:
        call.api.meters.published.add(kind, "unavailable")
        raise
    call.api.meters.published.add(kind, "stored")
    return ack.seq


def document(received: mwbus.Received, kind: type[Message]) -> msgspec.Struct:
    """The message of a stored version; STATE contains only what was checked when it was written."""
    message = received.message()
    assert isinstance(message, kind)
    return message


def answer(written: Written, shown: Model, **headers: str) -> Response:
    """The response to a PUT: the document, its new ETag, its sequence; `headers` as for `answers.ok`."""
    headers[answers.SEQ.replace("-", "_")] = str(written.seq)
    return answers.ok(shown, 201 if written.created else 200, etag=written.seq, **headers)
