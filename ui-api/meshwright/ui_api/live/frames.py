"""The frames of the event stream: events in SSE format, encoded once for all clients.

Invariant: a frame's id is the event's sequence in EVENTS, its data one line of JSON; a payload that is not JSON is
shown as text, so that one faulty publisher does not break the stream.
"""

from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.operations import sentences
from meshwright.core.telemetry import tracing
from meshwright.schemas import ids, subjects
from meshwright.schemas.base import Model

PING = b": ping\n\n"
_RETRY_MS = 1000
"""milliseconds after which a client reconnects"""


class Event(Model, frozen=True, kw_only=True):
    """One event as users see it; `id` is its sequence in EVENTS, `entity` and `entity_id` identify what it is about."""

    id: int
    type: str
    time: str
    source: str
    subject: str
    workspace: str
    origin: str
    entity: str
    entity_id: str
    data: Any
    trace_id: str = ""
    title: str = ""
    """what happened, in one sentence"""


class Reset(Model, frozen=True, kw_only=True):
    """Sent as `event: reset`: events were skipped, so the client must read its data again. `id` is the new position.

    `reason` is `slow` (the client did not keep up), `trimmed` (the requested events are no longer stored) or `rewound`
    (the stream has lost events that the client has seen).
    """

    reason: str
    id: int


class Kept:
    """An event in memory; its frame is encoded at the first use, and then kept."""

    __slots__ = ("_frame", "entity", "entity_id", "received", "seq", "type", "workspace")

    def __init__(self, received: mwbus.Received) -> None:
        tokens = received.subject.split(".")
        self.seq = received.seq
        self.workspace = tokens[2]
        self.entity = tokens[4]
        self.entity_id = ids.of_token(tokens[5])
        self.type = received.type
        self.received = received
        self._frame = b""

    @property
    def frame(self) -> bytes:
        """The event as an SSE frame."""
        if not self._frame:
            line = msgspec.json.encode(event(self.received))
            self._frame = b"id: %d\ndata: %b\n\n" % (self.seq, line)
        return self._frame


def event(received: mwbus.Received) -> Event:
    """A stored message as an event."""
    tokens = subjects.parse(subjects.EVENTS, received.subject)
    headers = received.headers
    return Event(
        id=received.seq,
        type=received.type,
        time=headers.get("ce-time") or received.stored_at().isoformat().replace("+00:00", "Z"),
        source=headers.get("ce-source", ""),
        subject=headers.get("ce-subject", ""),
        workspace=tokens.get("workspace", ""),
        origin=tokens.get("origin", ""),
        entity=tokens.get("entity", ""),
        entity_id=tokens.get("id", ""),
        data=_data(received.shown),
        trace_id=tracing.trace_id_of(headers.get("traceparent", "")),
        title=sentences.sentence(received.type, tokens.get("entity", ""), tokens.get("id", ""), received.shown),
    )


def hello(seq: int) -> bytes:
    """The first frame, without an event: its id is the client's position, so that it misses nothing even if the
    connection breaks before its first event.
    """
    return b"id: %d\nretry: %d\n: meshwright\n\n" % (seq, _RETRY_MS)


def reset(reason: str, seq: int) -> bytes:
    """The frame that resets a client; its id is the position from which it resumes."""
    line = msgspec.json.encode(Reset(reason=reason, id=seq))
    return b"id: %d\nevent: reset\ndata: %b\n\n" % (seq, line)


def _data(payload: bytes) -> Any:
    """The payload in the frame: unchanged when it is one line of JSON."""
    try:
        value = msgspec.json.decode(payload, type=msgspec.Raw)
        if b"\n" in payload or b"\r" in payload:
            return msgspec.json.decode(payload)
        payload.decode()
        return value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return payload.decode(errors="replace")
