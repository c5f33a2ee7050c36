"""Publishing: a message is stored once, or the caller gets an error.

Problem: the first publish after a reconnect can time out although the server is well, and an ack can be lost after the
message was stored. Invariant: every attempt for one message carries the same `Nats-Msg-Id`, so it is stored once
however often it is retried; `publish` returns only after the server's ack; a message that failed while there was no
connection is not sent after a reconnect.
"""

import asyncio
import json
import time
from collections.abc import Sequence

import msgspec
import nats.errors
from opentelemetry import trace

from meshwright.core import ids
from meshwright.core.bus import envelope
from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.envelope import Envelope
from meshwright.core.bus.errors import BusFull, BusUnavailable, Conflict, TooLarge
from meshwright.core.telemetry import tracing
from meshwright.core.telemetry.metrics import Counter, Registry
from meshwright.schemas import catalog
from meshwright.schemas.base import Message

TTL = "Nats-TTL"
EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"
_WRONG_LAST = {10071, 10164}
_FULL = {10023, 10047, 10077}
_FIRST_TRY = 1.0
"""seconds to wait for one ack; the whole publish may take longer, by retrying"""


class Ack(msgspec.Struct, frozen=True, kw_only=True):
    """The server's ack: stored at `seq` of `stream`; `duplicate` when an earlier attempt had stored it."""

    stream: str
    seq: int
    duplicate: bool = False


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """One of many messages to store atomically; see `Publisher.publish` for its fields."""

    subject: str
    message: Message
    about: str
    id: str
    expected_last: int
    kept: int = 0
    extensions: dict[str, str] = {}


class Publisher:
    """Publishes messages under one CloudEvents `source`."""

    def __init__(self, client: NatsClient, source: str) -> None:
        self._client = client
        self.source = source
        self._unanswered: dict[str, tuple[float, int]] = {}
        self._stored: Counter | None = None

    def count_in(self, registry: Registry) -> None:
        """From now on count the stored messages by their wire name, for Prometheus."""
        self._stored = registry.counter("meshwright_published_total", "Messages that the bus has stored", "type")

    def unanswered(self, within: float) -> list[str]:
        """The kinds of subjects whose last publish on this connection got no ack in the last `within` seconds."""
        oldest, connection = time.monotonic() - within, self._client.stats["reconnects"]
        return sorted(kind for kind, seen in self._unanswered.items() if seen[0] > oldest and seen[1] == connection)

    async def publish(
        self,
        subject: str,
        message: Message,
        *,
        about: str = "",
        id: str = "",
        expected_last: int | None = None,
        kept: int = 0,
        extensions: dict[str, str] | None = None,
        timeout: float = 5.0,
    ) -> Ack:
        """Store one message and return its ack.

        `about` is the CloudEvents subject; `expected_last` the sequence that must still be the last on this NATS
        subject (0: none yet); `kept` the seconds after which the server removes the message, in a stream that allows it
        (0: as long as the stream keeps any); `timeout` in seconds bounds all attempts together.

        Raises Conflict when `expected_last` is stale, TooLarge, BusFull, BusUnavailable when no ack came in time.
        """
        headers = self._headers(message, about, id or ids.fresh(), expected_last, kept, extensions or {})
        ack = await self.store(subject, catalog.encode(message), headers, timeout)
        if self._stored is not None:
            self._stored.add(message.wire.name)
        return ack

    async def publish_all(self, messages: Sequence[Outgoing], timeout: float = 10.0) -> list[int]:
        """Store all of them or none, in a stream that allows atomic batches; returns the sequence of each.

        There is one attempt: after BusUnavailable it is unknown whether they were stored, and the caller should publish
        each of them under its own id. Raises Conflict when any expectation is stale, TooLarge, BusFull, BusUnavailable.
        """
        batch = ids.fresh()
        try:
            self._check_connected()
            for number, one in enumerate(messages, start=1):
                payload = catalog.encode(one.message)
                headers = self._headers(one.message, one.about, one.id, one.expected_last, one.kept, one.extensions)
                headers |= {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
                if number < len(messages):
                    await self._client.publish(one.subject, payload, headers=headers)
                    continue
                headers["Nats-Batch-Commit"] = "1"
                reply = await self._client.request(one.subject, payload, timeout=timeout, headers=headers)
                last = _acknowledged(json.loads(reply.data)).seq
                return list(range(last - len(messages) + 1, last + 1))
        except nats.errors.MaxPayloadError as error:
            raise TooLarge(f"the server's limit is {self._client.max_payload} bytes per message") from error
        except (TimeoutError, nats.errors.Error) as error:
            raise BusUnavailable(f"no acknowledgement for {len(messages)} messages: {error!r}") from error
        return []

    def _headers(
        self,
        message: Message,
        about: str,
        id: str,
        expected_last: int | None,
        kept: int,
        extensions: dict[str, str],
    ) -> dict[str, str]:
        headers = envelope.write(
            Envelope(
                id=id,
                source=self.source,
                type=message.wire.name,
                subject=about,
                traceparent=tracing.traceparent(),
                extensions=extensions,
            )
        )
        if expected_last is not None:
            headers[EXPECTED_LAST] = str(expected_last)
        if kept:
            headers[TTL] = f"{kept}s"
        return headers

    async def store(self, subject: str, payload: bytes, headers: dict[str, str], timeout: float = 5.0) -> Ack:
        """Store encoded bytes; raises the same errors as `publish`."""
        kind = ".".join(subject.split(".")[:2])
        with tracing.span(f"publish {kind}", trace.SpanKind.PRODUCER):
            deadline = time.monotonic() + timeout
            pause = 0.02
            while True:
                patience = min(_FIRST_TRY, max(deadline - time.monotonic(), 0.05))
                try:
                    self._check_connected()
                    reply = await self._client.request(subject, payload, timeout=patience, headers=headers)
                    self._unanswered.pop(kind, None)
                    return _acknowledged(json.loads(reply.data))
                except Conflict as conflict:
                    return await self._stored_before(subject, headers, conflict)
                except nats.errors.MaxPayloadError as error:
                    limit = self._client.max_payload
                    raise TooLarge(f"{subject}: {len(payload)} bytes exceed the server's limit of {limit}") from error
                except (TimeoutError, nats.errors.Error) as error:
                    if time.monotonic() + pause >= deadline or self._client.is_closed:
                        if self._client.is_connected:
                            self._unanswered[kind] = (time.monotonic(), self._client.stats["reconnects"])
                        raise BusUnavailable(f"no acknowledgement for {subject} within {timeout:g} s") from error
                await asyncio.sleep(pause)
                pause = min(pause * 2, 0.5)

    def _check_connected(self) -> None:
        """Raises BusUnavailable when not connected: the client would buffer the message and send it later."""
        if not self._client.is_connected:
            raise nats.errors.ConnectionReconnectingError

    async def _stored_before(self, subject: str, headers: dict[str, str], conflict: Conflict) -> Ack:
        """The earlier ack when the stored message is this one, whose first ack was lost.

        The server compares expected sequences before message ids, so such a retry looks like a conflict.
        """
        request = f"{self._client.js_api}.DIRECT.GET.{conflict.stream}.{subject}"
        try:
            stored_headers = (await self._client.request(request, timeout=_FIRST_TRY)).headers or {}
        except (nats.errors.Error, TimeoutError) as error:
            raise BusUnavailable(f"cannot tell whether {subject} was stored") from error
        if stored_headers.get(envelope.MESSAGE_ID) != headers.get(envelope.MESSAGE_ID):
            raise conflict
        return Ack(stream=conflict.stream, seq=int(stored_headers["Nats-Sequence"]), duplicate=True)


def _acknowledged(reply: dict[str, object]) -> Ack:
    error = reply.get("error")
    if isinstance(error, dict):
        code, text = error.get("err_code"), str(error.get("description", ""))
        if code in _WRONG_LAST:
            current = text.rpartition(" ")[2]
            raise Conflict(text, int(current) if current.isdigit() else None, str(reply.get("stream", "")))
        if code in _FULL:
            raise BusFull(f"the stream is full: {text}")
        raise BusUnavailable(f"JetStream refused: {text} ({code})")
    return Ack(stream=str(reply["stream"]), seq=int(str(reply["seq"])), duplicate=bool(reply.get("duplicate")))
