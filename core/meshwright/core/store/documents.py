"""The results of reads: documents with their stream sequence, pages, log entries.

Invariant: no type of the driver is used here; times have a time zone and millisecond precision.
"""

import datetime
from typing import Generic, TypeVar

import msgspec

from meshwright.schemas.telemetry import Edge

T = TypeVar("T")


class Stored(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A document; `seq` is the stream sequence of the newest event in it, which is the ETag of a document that users
    write.
    """

    document: T
    workspace: str
    seq: int
    updated_at: datetime.datetime


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some documents and the cursor of the next page; an empty `cursor` means that there is none."""

    items: list[T]
    cursor: str = ""


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A message of EVENTS as it was stored at `time`; `data` is its JSON payload, not decoded.

    `origin`, `entity` and `id` come from its subject, `event_id` and `source` from the CloudEvent.
    """

    seq: int
    type: str
    source: str
    event_id: str
    workspace: str
    origin: str
    entity: str
    id: str
    subject: str
    time: datetime.datetime
    trace_id: str = ""
    data: msgspec.Raw


class MeasuredWindow(msgspec.Struct, frozen=True, kw_only=True):
    """All edges of a mesh over `seconds` from `start`."""

    seq: int
    workspace: str
    mesh: str
    origin: str
    start: datetime.datetime
    seconds: float
    edges: list[Edge]


class SetAside(msgspec.Struct, frozen=True, kw_only=True):
    """A message that could not be projected, and why; `data` is its payload as far as it is text."""

    stream: str
    seq: int
    subject: str
    type: str
    reason: str
    time: datetime.datetime
    data: str
