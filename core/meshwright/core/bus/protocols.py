"""The bus as its users see it: streams to read and publish to, buckets, work queues.

Problem: code that needs a stream or a bucket should also be testable without a server. Invariant: the connection to
NATS and the in-memory bus of core/testing both implement these protocols, one suite (tests/integration/bus) runs
against both, and callers rely on nothing else.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

import msgspec

from meshwright.core.bus.envelope import Received
from meshwright.schemas.base import Message

if TYPE_CHECKING:
    from meshwright.core.bus.kv.entries import Change, Entry
    from meshwright.core.bus.stream.publishing import Ack, Outgoing


class StreamReader(Protocol):
    """Reads single messages of streams. Methods raise BusUnavailable."""

    async def last(self, stream: str, subject: str) -> Received | None:
        """The newest message of a subject (wildcards allowed), or None."""

    async def at(self, stream: str, seq: int) -> Received | None:
        """The message at a sequence, or None when it was trimmed or never existed."""

    async def following(self, stream: str, seq: int, subject: str) -> Received | None:
        """The first message of `subject` (wildcards allowed) at `seq` or later, or None."""

    async def stream_bounds(self, stream: str) -> tuple[int, int]:
        """The first and the last sequence that the stream holds; the last is below the first when it is empty."""
        ...


class StreamSize(msgspec.Struct, frozen=True, kw_only=True):
    """What a stream holds. `limit` is in bytes, 0 where there is none."""

    name: str
    messages: int
    bytes: int
    limit: int = 0
    first: int = 0
    last: int = 0

    @property
    def fill(self) -> float:
        """How full it is, from 0 to 1."""
        return self.bytes / self.limit if self.limit else 0.0


class MessagePublisher(Protocol):
    """Stores messages under one CloudEvents source."""

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
    ) -> "Ack":
        """Store one message exactly once, however often it is published under its id.

        Raises Conflict when `expected_last` is not the last sequence of the subject, TooLarge, BusFull, BusUnavailable.
        """
        ...

    async def publish_all(self, messages: "Sequence[Outgoing]", timeout: float = 10.0) -> list[int]:
        """Store all of them or none, and return the sequence of each. Raises the same errors as `publish`."""
        ...

    async def store(self, subject: str, payload: bytes, headers: dict[str, str], timeout: float = 5.0) -> "Ack":
        """Store encoded bytes; raises the same errors as `publish`."""
        ...

    def unanswered(self, within: float) -> list[str]:
        """The kinds of subjects whose last publish got no ack in the last `within` seconds."""
        ...


class Reply(msgspec.Struct, frozen=True):
    """The answer to a request."""

    payload: bytes
    headers: dict[str, str]


class Bus(StreamReader, Protocol):
    """A connection: it reads streams, has a publisher, and sends requests."""

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached now."""
        ...

    @property
    def publisher(self) -> MessagePublisher:
        """The publisher of this connection."""
        ...

    async def fill(self) -> dict[str, float]:
        """How full each stream with a limit is, from 0 to 1. Raises BusUnavailable."""
        ...

    async def sizes(self) -> "list[StreamSize]":
        """What each stream holds, and its limit. Raises BusUnavailable."""
        ...

    async def ask(self, subject: str, payload: bytes, headers: dict[str, str] | None, timeout: float) -> Reply:
        """Send a request and return the answer of one subscriber within `timeout` seconds.

        Raises NoResponders, TimeoutError, TooLarge, BusUnavailable.
        """
        ...


class KeyValue(Protocol):
    """A bucket with compare-and-set. Methods raise BusUnavailable."""

    async def get(self, key: str) -> "Entry | None":
        """The value of a key, or None."""
        ...

    async def create(self, key: str, value: bytes, ttl: float | None = None) -> int:
        """Set a key that has no value, for `ttl` seconds or permanently; returns its revision. Raises Conflict."""
        ...

    async def create_unused(self, key: str, value: bytes) -> int:
        """Set a key that never had a value and was never deleted. Raises Conflict otherwise."""
        ...

    async def update(self, key: str, value: bytes, revision: int) -> int:
        """Replace the value that was read at `revision`. Raises Conflict when another writer came first."""
        ...

    async def put(self, key: str, value: bytes) -> int:
        """Set a key unconditionally."""
        ...

    async def delete(self, key: str, revision: int | None = None) -> None:
        """Remove a key, with `revision` only if that is still its revision. Raises Conflict."""
        ...

    async def keys(self, prefix: str = "") -> list[str]:
        """The keys that have a value and start with `prefix`, sorted."""
        ...

    def watch(self, prefix: str = "") -> "AbstractAsyncContextManager[AsyncIterator[Change]]":
        """All present keys that start with `prefix`, then a Change with key "", then each change."""
        ...


class Delivery(Protocol):
    """One delivery of one message of a work queue."""

    @property
    def message(self) -> Received:
        """The delivered message."""
        ...

    async def ack(self) -> None:
        """Done: never deliver it again."""

    async def in_progress(self) -> None:
        """Extend the ack wait, because the work continues."""

    async def nak(self, after: float) -> None:
        """Redeliver it, to any worker, after that many seconds."""

    async def term(self) -> None:
        """Never deliver it again."""
