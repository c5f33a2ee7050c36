"""Tailing: reading a stream in its order, from a sequence on, without acknowledgements.

Problem: acknowledged consumers redeliver out of order, and a reader that keeps its own checkpoint needs none
of that. Invariant: batches arrive in strictly rising stream sequence with nothing left out, through
reconnects and server restarts; the reader remembers its position and nobody else does. A stream that went back is
an error, never a gap.
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
"""seconds after which the server forgets a tail whose reader vanished without a word"""
_DOUBT = 5.0
"""seconds of silence after which the stream itself is asked whether there really is nothing"""
log = logging.getLogger(__name__)


class _OutOfStep(Exception):
    """The consumer skipped deliveries; a new one continues after the last good sequence."""


class _Quiet:
    """Checks a silent consumer: a message that it has skipped at two checks in a row will never be delivered."""

    def __init__(self, bus: Connection, stream: str, filters: list[str]) -> None:
        self._bus = bus
        self._stream = stream
        self._filters = filters or [">"]
        self._missing: set[int] = set()
        self._due = time.monotonic() + _DOUBT

    async def doubt(self, last: int, *, heard: bool) -> None:
        """Look now and then behind `last`, unless the consumer was `heard` just now. Raises _OutOfStep."""
        now = time.monotonic()
        if heard:
            self._missing, self._due = set(), now + _DOUBT
        elif now >= self._due:
            self._due = now + _DOUBT
            before, self._missing = self._missing, await self._behind(last)
            if before & self._missing:
                log.warning("a consumer of %s skipped %d: creating a new one", self._stream, min(self._missing))
                raise _OutOfStep

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

    `subject` may be several filters that do not overlap. With `newest` the tail begins with the last message of
    each subject (instead of `after` a position) and then goes on with everything that follows.
    `patience` is how long one wait lasts, in seconds; with `idle` an empty batch is yielded after each wait in
    which nothing came, so that the reader can do something else now and then.

    Raises Rewound when the stream no longer holds what was read.
    """
    place = after
    filters = [] if subject == ">" else [subject] if isinstance(subject, str) else list(subject)
    while True:
        try:
            await assure(bus, stream, place)
            # A snapshot that broke off is continued by sequence: everything behind the last one that came.
            name = await _consumer(bus, stream, None if newest and place == after else place, filters)
            try:
                async with pulling(bus.client, stream, name, batch) as puller:
                    quiet = _Quiet(bus, stream, filters)
                    async for messages in _in_step(puller, batch, patience):
                        fresh = [message for message in messages if message.seq > place.seq]
                        if fresh:
                            place = Position.at(fresh[-1])
                        await quiet.doubt(place.seq, heard=bool(messages))
                        if fresh or idle:
                            yield fresh
            finally:
                await _forget(bus, stream, name)
        except (ConsumerGone, _OutOfStep):
            continue
        except (nats.errors.Error, nats.js.errors.Error, TimeoutError, BusUnavailable):
            if idle:
                yield []
            await asyncio.sleep(0.1)  # the server is away; the client reconnects by itself


async def _in_step(puller: Puller, batch: int, patience: float) -> AsyncIterator[list[Received]]:
    """Batches of one consumer; raises _OutOfStep when a delivery is missing and ConsumerGone when it is."""
    delivered = 0
    while True:
        messages = await puller.next_batch(batch, patience)
        for message in messages:
            delivered += 1
            if int(message.reply.split(".")[-3]) != delivered:
                raise _OutOfStep
        yield messages


async def _consumer(bus: Connection, stream: str, place: Position | None, filters: list[str]) -> str:
    """A new consumer behind a position, or with the newest of each subject when that is None."""
    policy = DeliverPolicy.LAST_PER_SUBJECT if place is None else DeliverPolicy.BY_START_SEQUENCE
    config = ConsumerConfig(
        name=f"tail-{ids.fresh()}",
        deliver_policy=policy,
        opt_start_seq=place.seq + 1 if place else None,
        ack_policy=AckPolicy.NONE,
        filter_subjects=filters or ([">"] if place is None else None),  # the newest of "each" needs a filter
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
