"""An event as a CloudEvent over HTTP, in structured mode: one JSON document with its attributes and its data.

Problem: in binary mode the attributes are headers, which the signature of a webhook does not cover, so a man in the
middle could turn a success into a failure. Invariant: everything that is sent is in the body, which is signed.
"""

import base64
from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects

MEDIA_TYPE = "application/cloudevents+json"


def structured(received: mwbus.Received) -> bytes:
    """The body. Extensions: `sequence` in EVENTS, the publisher (`origin`) and its object (`entity`, `entityid`).

    Raises InvalidEnvelope.
    """
    envelope = received.envelope()
    tokens = subjects.parse(subjects.EVENTS, received.subject)
    document: dict[str, Any] = {
        **envelope.extensions,
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "time": envelope.time or received.stored_at().isoformat().replace("+00:00", "Z"),
        "sequence": str(received.seq),
        "workspace": tokens["workspace"],
        "origin": tokens["origin"],
        "entity": tokens["entity"],
        "entityid": tokens["id"],
    }
    if envelope.subject:
        document["subject"] = envelope.subject
    if envelope.traceparent:
        document["traceparent"] = envelope.traceparent
    return msgspec.json.encode(document | _data(received.shown))


def _data(payload: bytes) -> dict[str, Any]:
    """The payload as JSON if it is JSON, else as bytes."""
    try:
        msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"datacontenttype": "application/octet-stream", "data_base64": base64.b64encode(payload).decode()}
    return {"datacontenttype": "application/json", "data": msgspec.Raw(payload)}
