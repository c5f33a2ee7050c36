"""Tailing: reading a stream in its order, from a sequence on, without acks.

Problem: consumers with acks redeliver out of order, and a reader that keeps its own checkpoint needs no acks.
Invariant: batches arrive in strictly rising stream sequence with nothing left out, through reconnects and server
restarts; only the reader stores its position. A rewound stream raises an error and is never a silent gap.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import nats.errors
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from meshwright.core import ids
from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable
from meshwright.core.bus.stream.positions import START, Position, assure
from meshwright.core.bus.stream.pulling import ConsumerGone, Puller, pulling

_INACTIVE = 30.0
"""seconds after which the server removes the consumer of a reader that has vanished"""
_STALL_S = 5.0
"""seconds without a delivery after which the stream's last sequence is checked"""
log = logging.getLogger(__name__)


class _DeliveryGap(Exception):
    """The consumer skipped deliveries; a new one continues after the last sequence received in order."""


class _StallCheck:
    """Detects a stalled consumer: a message that it has skipped at two checks in a row will never be delivered."""

    def __init__(self, bus: Connection, stream: str, filters: list[str]) -> None:
        self._bus = bus
        self._stream = stream
        self._filters = filters or [">"]
        self._missing: set[int] = set()
        self._due = time.monotonic() + _STALL_S

    async def doubt(self, last: int, *, heard: bool) -> None:
        """Check the stream behind `last`, unless the consumer has just delivered. Raises _DeliveryGap."""
        now = time.monotonic()
        if heard:
            self._missing, self._due = set(), now + _STALL_S
        elif now >= self._due:
            self._due = now + _STALL_S
            before, self._missing = self._missing, await self._behind(last)
            if before & self._missing:
                log.warning(
                    "a consumer of %s skipped sequence %d: creating a new one", self._stream, min(self._missing)
                )
                raise _DeliveryGap

    async def _behind(self, last: int) -> set[int]:
        try:
            following = [await self._bus.following(self._stream, last + 1, one) for one in self._filters]
        except BusUnavailable:
            return set()
        return {message.seq for message in following if message is not None}


async def tail(
    bus: Connection,
    stream: str,
    *,
    after: Position = START,
    subject: str | Sequence[str] = ">",
    batch: int = 500,
    patience: float = 1.0,
    idle: bool = False,
    newest: bool = False,
) -> AsyncGenerator[list[Received], None]:
    """Batches of at most `batch` messages after a position, without end.

    `subject` may be several filters that do not overlap. With `newest` the tail begins with the last message of each
    subject (instead of `after` a position) and then continues with everything that follows. `patience` is how long one
    wait lasts, in seconds; with `idle` an empty batch is yielded after each wait without a message, so that the reader
    can do other work.

    Raises Rewound when the stream no longer holds what was read.
    """
    place = after
    filters = [] if subject == ">" else [subject] if isinstance(subject, str) else list(subject)
    while True:
        try:
            await assure(bus, stream, place)
            # An interrupted snapshot continues by sequence, behind the last message received.
            name = await _consumer(bus, stream, None if newest and place == after else place, filters)
            try:
                async with pulling(bus.client, stream, name, batch) as puller:
                    quiet = _StallCheck(bus, stream, filters)
                    async for messages in _in_step(puller, batch, patience):
                        fresh = [message for message in messages if message.seq > place.seq]
                        if fresh:
                            place = Position.at(fresh[-1])
                        await quiet.doubt(place.seq, heard=bool(messages))
                        if fresh or idle:
                            yield fresh
            finally:
                await _forget(bus, stream, name)
        except (ConsumerGone, _DeliveryGap):
            continue
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, BusUnavailable):
            if idle:
                yield []
            await asyncio.sleep(0.1)  # the server is unavailable; the client reconnects by itself


async def _in_step(puller: Puller, batch: int, patience: float) -> AsyncIterator[list[Received]]:
    """Batches of one consumer; raises _DeliveryGap when a delivery is missing and ConsumerGone when the consumer is."""
    delivered = 0
    while True:
        messages = await puller.next_batch(batch, patience)
        for message in messages:
            delivered += 1
            if int(message.reply.split(".")[-3]) != delivered:
                raise _DeliveryGap
        yield messages


async def _consumer(bus: Connection, stream: str, place: Position | None, filters: list[str]) -> str:
    """A new consumer behind a position, or with the newest of each subject when that is None."""
    policy = DeliverPolicy.LAST_PER_SUBJECT if place is None else DeliverPolicy.BY_START_SEQUENCE
    config = ConsumerConfig(
        name=f"tail-{ids.fresh()}",
        deliver_policy=policy,
        opt_start_seq=place.seq + 1 if place else None,
        ack_policy=AckPolicy.NONE,
        filter_subjects=filters or ([">"] if place is None else None),  # LAST_PER_SUBJECT requires a filter
        inactive_threshold=_INACTIVE,
        mem_storage=True,
        num_replicas=1,
    )
    return (await bus.js.add_consumer(stream, config)).name


async def _forget(bus: Connection, stream: str, name: str) -> None:
    """Ask the server to drop a consumer, without waiting for its answer."""
    if bus.is_connected:
        with contextlib.suppress(nats.errors.Error):
            await bus.client.publish(
                f"{bus.client.js_api}.CONSUMER.DELETE.{stream}.{name}", reply=bus.client.new_inbox()
            )
