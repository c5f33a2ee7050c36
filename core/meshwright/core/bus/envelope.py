"""CloudEvents 1.0 in binary mode over NATS: attributes are `ce-*` headers, the payload is the data.

Problem: subscribers in any language must be able to read every message without our code. Invariant: header
names are written lower-case and read case-insensitively; values are percent-encoded as the NATS binding says
(https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/nats-protocol-binding.md, section 3.1.3).
"""

import datetime
import re
from urllib.parse import quote, unquote

import msgspec

from meshwright.core.bus.errors import InvalidEnvelope
from meshwright.schemas import catalog
from meshwright.schemas.base import Message

_SAFE = "".join(chr(c) for c in range(0x21, 0x7F) if chr(c) not in '"%')
_PLAIN = re.compile(r"[A-Za-z0-9/._:-]*")
"""a pattern of values that need no encoding, which are almost all"""
_PREFIX = "ce-"
_STANDARD = ("specversion", "datacontenttype", "traceparent")
MESSAGE_ID = "Nats-Msg-Id"


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of one message; `extensions` are the further `ce-*` headers."""

    id: str
    source: str
    type: str
    subject: str = ""
    time: str = ""
    traceparent: str = ""
    extensions: dict[str, str] = {}


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message of a stream. `time` is the server's, in nanoseconds since 1970."""

    stream: str
    subject: str
    seq: int
    time: int
    headers: dict[str, str]
    payload: bytes
    deliveries: int = 1
    reply: str = ""

    @property
    def type(self) -> str:
        """The wire name, or an empty string when the message has none. The header's name may have any case."""
        if named := self.headers.get("ce-type"):  # the usual spelling first, without a scan of the headers
            return named
        return next((value for name, value in self.headers.items() if name.lower() == "ce-type"), "")

    def envelope(self) -> Envelope:
        """The parsed envelope. Raises InvalidEnvelope."""
        return read(self.headers)

    def message(self) -> Message | None:
        """The decoded payload; None for a type that this version does not know.

        Raises catalog.UndecodableMessage.
        """
        return catalog.decode(self.type, self.payload)

    @property
    def shown(self) -> bytes:
        """The payload as it is shown to people, with secrets redacted."""
        return catalog.shown(self.type, self.payload)

    def stored_at(self) -> datetime.datetime:
        """The time at which the server stored it, to the microsecond."""
        return datetime.datetime.fromtimestamp(self.time // 1000 / 1e6, datetime.UTC)


def write(envelope: Envelope) -> dict[str, str]:
    """Encode an envelope as NATS headers."""
    headers = {
        MESSAGE_ID: envelope.id,
        "ce-specversion": "1.0",
        "ce-id": _encode(envelope.id),
        "ce-source": _encode(envelope.source),
        "ce-type": envelope.type,
        "ce-datacontenttype": "application/json",
    }
    if envelope.subject:
        headers["ce-subject"] = _encode(envelope.subject)
    headers["ce-time"] = envelope.time or now()
    if envelope.traceparent:
        headers["traceparent"] = envelope.traceparent
        headers["ce-traceparent"] = envelope.traceparent
    for name, value in envelope.extensions.items():
        headers[_PREFIX + name] = _encode(value)
    return headers


def read(headers: dict[str, str]) -> Envelope:
    """Parse the envelope from NATS headers.

    Raises InvalidEnvelope when a required attribute is missing.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    attributes = {name[3:]: unquote(value) for name, value in lowered.items() if name.startswith(_PREFIX)}
    try:
        return Envelope(
            id=attributes.pop("id"),
            source=attributes.pop("source"),
            type=attributes.pop("type"),
            subject=attributes.pop("subject", ""),
            time=attributes.pop("time", ""),
            traceparent=lowered.get("traceparent", attributes.pop("traceparent", "")),
            extensions={k: v for k, v in attributes.items() if k not in _STANDARD},
        )
    except KeyError as missing:
        raise InvalidEnvelope(f"no header ce-{missing.args[0]}: send CloudEvents in binary mode") from missing


def now() -> str:
    """The time as RFC 3339 in UTC."""
    return datetime.datetime.now(datetime.UTC).isoformat().replace("+00:00", "Z")


def _encode(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else quote(value, safe=_SAFE)
