"""Work: messages that must be handled by exactly one of several workers, and acknowledged when they are.

Problem: a lost ack means redelivery, a slow handler means a second executor, a crash means both. Invariant: a
message leaves this module only through `ack`, `nak` (redeliver after a delay) or `term` (never again, and
the server's advisory says so); while it is being worked on, `keep` renews it.
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
"""seconds until a consumer that cannot be opened is asked for again: a refusal may come at once"""


class WorkQueue(msgspec.Struct, frozen=True, kw_only=True):
    """A durable consumer: every worker that opens the same `name` shares its messages.

    `ack_wait` in seconds is how long a message may go without `keep` before another worker gets it.
    """

    stream: str
    name: str
    subject: str
    ack_wait: float = 10.0
    max_deliver: int = 5
    max_in_flight: int = 1000


async def open_queue(bus: Connection, queue: WorkQueue, timeout: float = 10.0) -> None:
    """Create the durable consumer or bring its settings up to date.

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

        An ack can get lost, and a kill -9 of the server may forget even a confirmed one; so whoever gets a job
        looks first what is done, and nothing is gained by waiting for a confirmation.
        """
        await self._answer(b"+ACK")

    async def in_progress(self) -> None:
        """Still working: the ack wait starts again."""
        await self._answer(b"+WPI")

    async def nak(self, after: float) -> None:
        """Deliver it again, to anybody, after so many seconds."""
        await self._answer(b'-NAK {"delay": %d}' % int(after * 1e9))

    async def term(self) -> None:
        """Never deliver it again; the server publishes an advisory that is stored."""
        await self._answer(b"+TERM")

    async def _answer(self, word: bytes) -> None:
        try:
            await self._bus.client.publish(self.message.reply, word)
        except nats.errors.Error:
            return  # out of reach: the message is redelivered after the ack wait


async def jobs(bus: Connection, queue: WorkQueue, *, batch: int = 64) -> AsyncGenerator[Job | None, None]:
    """Deliveries without end, through restarts of the server; None after each second without one.

    What has arrived and is not taken goes back at once when the reader ends.
    """
    # A request of a worker that is paused must not outlive its deliveries: it would get them again.
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
                    for message in (*messages, *puller.leftover()):
                        await Job(bus, message).nak(0)
        except ConsumerGone:
            yield None
        except BusUnavailable:
            yield None
            await asyncio.sleep(_PAUSE)
