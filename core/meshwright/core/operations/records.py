"""Facts: messages of the streams, decoded and validated once.

Problem: one message that cannot be decoded must not block those behind it. Invariant: `read` either returns a fact
whose subject and payload are consistent, or raises `Unprojectable` with a readable reason; a type that this version
does not know gives a fact without a message.
"""

import datetime
from typing import Any

import msgspec

from meshwright.core import bus
from meshwright.core.telemetry import tracing
from meshwright.schemas import catalog, ids, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.strict import MAX_DEPTH

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_TOKENS = {"EVENTS": 6, "STATE": 5, "METRICS": 5, "DEADLETTERS": 5, "SEEN": 5}
_ENTITIES = {"METRICS": "mesh", "DEADLETTERS": "deadletter", "SEEN": "resource"}
_MAX_DEPTH = MAX_DEPTH + 8
"""maximum nesting of a message: documents of users are nested in messages and in other documents"""


class Unprojectable(Exception):
    """The message cannot be folded into any view; the text says why."""


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One decoded message.

    For STATE `entity` is the kind, for METRICS "mesh", for DEADLETTERS "deadletter"; for SEEN it is "resource", and the
    origin is the connection.
    """

    stream: str
    seq: int
    time: datetime.datetime
    workspace: str
    origin: str
    entity: str
    id: str
    type: str
    message: Message | None
    trace_id: str
    source: bus.Received


def read(received: bus.Received) -> Fact:
    """Decode a message. Raises Unprojectable."""
    stream = received.stream
    tokens = received.subject.split(".")
    if len(tokens) != _TOKENS.get(stream):
        raise Unprojectable(f"{received.subject} is not a subject of {stream}")
    kind = received.type
    if not kind:
        raise Unprojectable("it has no ce-type: send CloudEvents in binary mode")
    if stream == "EVENTS":
        origin, entity, about = tokens[3], tokens[4], tokens[5]
    elif stream == "STATE":
        origin, entity, about = subjects.API, tokens[3], tokens[4]
    else:
        origin, entity, about = tokens[3], _ENTITIES[stream], tokens[4]
    return Fact(
        stream,
        received.seq,
        _EPOCH + datetime.timedelta(microseconds=received.time // 1000),
        tokens[2],
        origin,
        entity,
        ids.of_token(about),
        kind,
        _message(kind, received.payload),
        tracing.trace_id_of(received.headers.get("traceparent", "")),
        received,
    )


def _message(kind: str, payload: bytes) -> Message | None:
    if payload.count(b"{") + payload.count(b"[") > _MAX_DEPTH and _depth(payload) > _MAX_DEPTH:
        raise Unprojectable(f"it is nested more than {_MAX_DEPTH} levels deep")
    try:
        message = catalog.decode(kind, payload)
    except catalog.UndecodableMessage as error:
        raise Unprojectable(str(error)) from error
    if message is None:
        _parsed(payload)  # an unknown type is kept as it is, if it is JSON
    return message


def _parsed(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unprojectable(f"it is not JSON: {error!r}") from error


def _depth(payload: bytes) -> int:
    level, depth = [_parsed(payload)], 0
    while level:
        depth += 1
        level = [
            part
            for value in level
            if isinstance(value, dict | list)
            for part in (value.values() if isinstance(value, dict) else value)
        ]
    return depth
