"""Log rows: what came, as it came, named by its sequence.

Problem: decoding a payload into documents and encoding it again would cost more than everything else. Invariant:
an event's payload is kept as the text it is; a measured window is kept as a document, because it is searched.
"""

import datetime
from typing import Any

import msgspec

from meshwright.core import bus
from meshwright.core.operations.records import Fact
from meshwright.schemas.telemetry import EdgesMeasured


def of_event(fact: Fact) -> dict[str, Any]:
    """A row of the event log."""
    received = fact.source
    headers = received.headers
    return {
        "_id": fact.seq,
        "type": fact.type,
        "source": headers.get("ce-source", ""),
        "event_id": headers.get("ce-id", ""),
        "workspace": fact.workspace,
        "origin": fact.origin,
        "entity": fact.entity,
        "id": fact.id,
        "subject": received.subject,
        "time": fact.time,
        "trace_id": fact.trace_id,
        "data": received.payload.decode(),
    }


def of_window(fact: Fact, message: EdgesMeasured) -> dict[str, Any]:
    """A row of the metric log."""
    return {
        "_id": fact.seq,
        "workspace": fact.workspace,
        "mesh": message.mesh,
        "origin": fact.origin,
        "start": message.start,
        "seconds": message.seconds,
        "edges": msgspec.to_builtins(message.edges),
        "time": fact.time,
    }


def of_set_aside(received: bus.Received, reason: str, time: datetime.datetime) -> dict[str, Any]:
    """A row for a message that could not be projected."""
    return {
        "_id": f"{received.stream}/{received.seq}",
        "stream": received.stream,
        "seq": received.seq,
        "subject": received.subject,
        "type": received.type,
        "reason": reason[:2000],
        "time": time,
        "data": received.payload[:65536].decode(errors="replace"),
    }
