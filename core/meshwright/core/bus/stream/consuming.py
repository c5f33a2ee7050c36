"""Work queues: each message is handled by one of several workers, and acknowledged when it is done.

Problem: a lost ack means redelivery, a slow handler means a second executor, a crash means both. Invariant: a message
is only settled by `ack`, `nak` (redeliver after a delay) or `term` (never again; the server publishes an advisory);
while it is being worked on, `in_progress` renews its ack wait.
"""

import asyncio
from collections.abc import AsyncGenerator

import msgspec
import nats.errors
import nats.js.errors
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable
from meshwright.core.bus.stream.pulling import EXPIRES, ConsumerGone, pulling

_PAUSE = 0.1
"""seconds between two attempts to open a consumer: a refusal may come at once"""


class WorkQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A durable consumer: all workers that open the same `name` share its messages.

    `ack_wait` is the time in seconds without `in_progress` after which a message is redelivered to another worker.
    """

    stream: str
    name: str
    subject: str
    ack_wait: float = 10.0
    max_deliver: int = 5
    max_in_flight: int = 1000


async def open_queue(bus: Connection, queue: WorkQueue, timeout: float = 10.0) -> None:
    """Create the durable consumer or update its settings.

    Raises BusUnavailable.
    """
    config = ConsumerConfig(
        name=queue.name,
        durable_name=queue.name,
        filter_subject=queue.subject,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=queue.ack_wait,
        max_deliver=queue.max_deliver,
        max_ack_pending=queue.max_in_flight,
    )
    try:
        await bus.js.add_consumer(queue.stream, config, timeout=timeout)
    except (nats.errors.Error, nats.js.errors.Error, TimeoutError) as error:
        raise BusUnavailable(f"could not open {queue.name}: {error!r}") from error


class Job:
    """One delivery of one message."""

    def __init__(self, bus: Connection, message: Received) -> None:
        self._bus = bus
        self.message = message

    async def ack(self) -> None:
        """Done: never deliver it again.

        An ack can get lost, and a kill -9 of the server may lose even a confirmed one; so the handler of a delivery
        first checks what is already done, and waiting for a confirmation would gain nothing.
        """
        await self._answer(b"+ACK")

    async def in_progress(self) -> None:
        """Still working: the ack wait starts again."""
        await self._answer(b"+WPI")

    async def nak(self, after: float) -> None:
        """Redeliver it, to any worker, after that many seconds."""
        await self._answer(b'-NAK {"delay": %d}' % int(after * 1e9))

    async def term(self) -> None:
        """Never deliver it again; the server publishes an advisory that is stored."""
        await self._answer(b"+TERM")

    async def _answer(self, word: bytes) -> None:
        try:
            await self._bus.client.publish(self.message.reply, word)
        except nats.errors.Error:
            return  # the server cannot be reached: the message is redelivered after the ack wait


async def jobs(bus: Connection, queue: WorkQueue, *, batch: int = 64) -> AsyncGenerator[Job | None, None]:
    """Deliveries without end, through restarts of the server; None after each second without one.

    Deliveries that were fetched and not yielded are given back at once when the reader ends.
    """
    # A pull request of a paused worker must not outlive its deliveries: they would come back to it.
    expires = min(EXPIRES, queue.ack_wait / 2)
    while True:
        try:
            await open_queue(bus, queue)
            async with pulling(bus.client, queue.stream, queue.name, batch, expires) as puller:
                messages: list[Received] = []
                try:
                    while True:
                        messages = await puller.next_batch(batch, 1.0)
                        if not messages:
                            yield None
                        while messages:
                            yield Job(bus, messages.pop(0))
                finally:
                    for message in (*messages, *await puller.finish()):
                        await Job(bus, message).nak(0)
        except ConsumerGone:
            yield None
        except BusUnavailable:
            yield None
            await asyncio.sleep(_PAUSE)
