"""Log rows: messages as they came, named by their sequence.

Problem: decoding a payload into documents and encoding it again would cost more than everything else. Invariant: an
event's payload is kept as text; a measured window is kept as a document, because it is searched, with the sum of all
its edges, because that is what is asked for most.
"""

import datetime
from typing import Any

import msgspec

from meshwright.core import bus
from meshwright.core.measurements import totals
from meshwright.core.operations.records import Fact
from meshwright.core.store.traffic.pipelines import stored_totals
from meshwright.core.store.writing import Refusal
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
        "data": received.shown.decode(),
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
        "total": stored_totals(totals.of_edges(message.edges)),
        "time": fact.time,
    }


def of_set_aside(received: bus.Received, reason: str, time: datetime.datetime) -> dict[str, Any]:
    """A row for a message that could not be projected."""
    place = f"{received.stream}/{received.seq}"
    data = received.shown[:65536].decode(errors="replace")
    return _set_aside(place, received.stream, received.seq, received.subject, received.type, reason, time, data)


def of_refusal(stream: str, refusal: Refusal) -> dict[str, Any]:
    """A row for a document that MongoDB will never accept, named by the newest message that it was made of."""
    folded = refusal.folded
    place, subject = f"{stream}/{folded.seq}/{folded.kind.name}", f"{folded.kind.name}/{folded.key}"
    return _set_aside(place, stream, folded.seq, subject, "", refusal.reason, folded.updated_at, "")


def _set_aside(
    place: str, stream: str, seq: int, subject: str, type: str, reason: str, time: datetime.datetime, data: str
) -> dict[str, Any]:
    return {
        "_id": place,
        "stream": stream,
        "seq": seq,
        "subject": subject,
        "type": type,
        "reason": reason[:2000],
        "time": time,
        "data": data,
    }
