"""In-memory streams: publishing with expected sequences and ids, lookups, tailing.

Invariant: sequences rise by one per stream, an id is stored once per stream, and of two writers that expect the same
last sequence of a subject one succeeds, as with JetStream. Nothing is trimmed unless the test removes it.
"""

import time
from collections.abc import AsyncGenerator, Callable, Sequence

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.bus import envelope
from meshwright.core.bus.stream.publishing import Outgoing
from meshwright.core.telemetry import tracing
from meshwright.core.testing.memory.buckets import MemoryBucket
from meshwright.core.testing.memory.consumers import Consumer
from meshwright.core.testing.memory.matching import matches
from meshwright.core.testing.memory.news import Announcements
from meshwright.schemas import catalog, subjects
from meshwright.schemas.base import Message

MAX_PAYLOAD = 2**20
"""maximum size in bytes of one message"""
_EXPECTED_LAST = "Nats-Expected-Last-Subject-Sequence"


class MemoryBus:
    """Streams as lists, and buckets; it is its own publisher.

    `failure` is raised by every call while it is set; `before_store` runs before each message is checked and stored,
    for a concurrent write; `full` is the result of `fill`.
    """

    def __init__(self, source: str = "meshwright/test") -> None:
        self.streams: dict[str, list[mwbus.Received]] = {channel.stream: [] for channel in subjects.CHANNELS}
        self.buckets: dict[str, MemoryBucket] = {}
        self.consumers: dict[tuple[str, str], Consumer] = {}
        self.source = source
        self.failure: Exception | None = None
        self.before_store: Callable[[], object] = lambda: None
        self.full: dict[str, float] = {}
        self.is_connected = True
        self.news = Announcements()

    @property
    def publisher(self) -> "MemoryBus":
        """This bus itself."""
        return self

    def bucket(self, name: str, ttl: float = 0) -> MemoryBucket:
        """The bucket of that name, whose values expire after `ttl` seconds."""
        return self.buckets.setdefault(name, MemoryBucket(ttl))

    async def last(self, stream: str, subject: str) -> mwbus.Received | None:
        """The newest message of a subject, which may contain wildcards."""
        self._answer()
        return next((one for one in reversed(self.streams[stream]) if matches(subject, one.subject)), None)

    async def at(self, stream: str, seq: int) -> mwbus.Received | None:
        """The message at a sequence."""
        self._answer()
        return next((one for one in self.streams[stream] if one.seq == seq), None)

    async def following(self, stream: str, seq: int, subject: str) -> mwbus.Received | None:
        """The first message of a subject at a sequence or later."""
        self._answer()
        return next((one for one in self.streams[stream] if one.seq >= seq and matches(subject, one.subject)), None)

    async def stream_bounds(self, stream: str) -> tuple[int, int]:
        """The first and the last sequence."""
        self._answer()
        stored = self.streams[stream]
        return (stored[0].seq, stored[-1].seq) if stored else (1, 0)

    async def fill(self) -> dict[str, float]:
        """How full each stream is."""
        self._answer()
        return self.full

    async def sizes(self) -> list[mwbus.StreamSize]:
        """What each stream holds."""
        self._answer()
        return [
            mwbus.StreamSize(name=name, messages=len(stored), bytes=sum(len(one.payload) for one in stored))
            for name, stored in self.streams.items()
        ]

    async def ask(self, subject: str, payload: bytes, headers: dict[str, str] | None, timeout: float) -> mwbus.Reply:
        """Raises NoResponders: there are no subscribers in memory."""
        self._answer()
        raise mwbus.NoResponders(f"no subscriber listens on {subject}")

    def unanswered(self, within: float) -> list[str]:
        """Empty: memory always acknowledges."""
        return []

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
    ) -> mwbus.Ack:
        """Store a message once, if the last sequence of its subject is the expected one. Raises Conflict, TooLarge."""
        attributes = mwbus.Envelope(
            id=id or ids.fresh(),
            source=self.source,
            type=message.wire.name,
            subject=about,
            traceparent=tracing.traceparent(),
            extensions=extensions or {},
        )
        headers = envelope.write(attributes)
        if expected_last is not None:
            headers[_EXPECTED_LAST] = str(expected_last)
        return await self.store(subject, catalog.encode(message), headers, timeout)

    async def publish_all(self, messages: Sequence[Outgoing], timeout: float = 10.0) -> list[int]:
        """Store all of them or none. Raises Conflict, TooLarge."""
        for one in messages:
            before = await self.last(_stream(one.subject), one.subject)
            if (before.seq if before else 0) != one.expected_last:
                raise mwbus.Conflict(f"wrong last sequence of {one.subject}", before.seq if before else 0)
        acks = [
            await self.publish(
                one.subject,
                one.message,
                about=one.about,
                id=one.id,
                expected_last=one.expected_last,
                kept=one.kept,
                extensions=one.extensions,
            )
            for one in messages
        ]
        return [ack.seq for ack in acks]

    async def store(self, subject: str, payload: bytes, headers: dict[str, str], timeout: float = 5.0) -> mwbus.Ack:
        """Store encoded bytes; raises the same errors as `publish`."""
        self._answer()
        if len(payload) > MAX_PAYLOAD:
            raise mwbus.TooLarge(f"{subject}: {len(payload)} bytes exceed the server's limit of {MAX_PAYLOAD}")
        self.before_store()
        stream, name = _stream(subject), headers.get(envelope.MESSAGE_ID)
        before = await self.last(stream, subject)
        current = before.seq if before else 0
        expected = headers.get(_EXPECTED_LAST)
        if expected is not None and int(expected) != current:
            if before and name and before.headers.get(envelope.MESSAGE_ID) == name:
                return mwbus.Ack(stream=stream, seq=current, duplicate=True)
            raise mwbus.Conflict(f"wrong last sequence: {current}", current, stream)
        stored = next(
            (one for one in self.streams[stream] if name and one.headers.get(envelope.MESSAGE_ID) == name), None
        )
        if stored:
            return mwbus.Ack(stream=stream, seq=stored.seq, duplicate=True)
        return mwbus.Ack(stream=stream, seq=self._append(stream, subject, payload, headers).seq)

    def put(self, subject: str, type: str, payload: bytes, id: str = "") -> mwbus.Received:
        """Store bytes on a subject as another process would, without any check."""
        headers = {"ce-type": type, "ce-source": "test", "ce-id": id, envelope.MESSAGE_ID: id}
        if traceparent := tracing.traceparent():
            headers["traceparent"] = traceparent
        return self._append(_stream(subject), subject, payload, headers)

    def _append(self, stream: str, subject: str, payload: bytes, headers: dict[str, str]) -> mwbus.Received:
        stored = self.streams[stream]
        stored.append(
            mwbus.Received(
                stream=stream,
                subject=subject,
                seq=stored[-1].seq + 1 if stored else 1,
                time=time.time_ns(),
                headers=headers,
                payload=payload,
            )
        )
        self.news.announce()
        return stored[-1]

    def _answer(self) -> None:
        if self.failure is not None:
            raise self.failure


async def tail(
    bus: MemoryBus,
    stream: str,
    *,
    after: mwbus.Position = mwbus.START,
    subject: str | Sequence[str] = ">",
    batch: int = 500,
    patience: float = 1.0,
    idle: bool = False,
    newest: bool = False,
) -> AsyncGenerator[list[mwbus.Received], None]:
    """Batches behind a position without end; the parameters and Rewound are those of the real `tail`."""
    place = after
    filters = [subject] if isinstance(subject, str) else list(subject)
    while True:
        await mwbus.assure(bus, stream, place)
        fitting = [one for one in bus.streams[stream] if any(matches(each, one.subject) for each in filters)]
        if newest and place == after:
            latest = {one.subject: one for one in fitting}
            messages = sorted(latest.values(), key=lambda one: one.seq)
        else:
            messages = [one for one in fitting if one.seq > place.seq][:batch]
        if messages:
            place = mwbus.Position.at(messages[-1])
            yield messages
        else:
            if idle:
                yield []
            await bus.news.wait(patience)


def _stream(subject: str) -> str:
    return next(channel.stream for channel in subjects.CHANNELS if subjects.parse(channel, subject))
