"""In-memory work queues: each message to one worker at a time, redelivered when it is not acknowledged in time.

Invariant: a message that was settled by `ack` or `term` is not delivered again; any other one is redelivered after its
ack wait or its delay, up to the queue's limit.
"""

import time
from collections.abc import AsyncGenerator

from meshwright.core import bus as mwbus
from meshwright.core.testing.memory.consumers import Consumer
from meshwright.core.testing.memory.streams import MemoryBus

_TURN = 0.05
_EMPTY = 1.0
"""seconds without a delivery until None is yielded"""


class MemoryJob:
    """One delivery of one message."""

    def __init__(self, message: mwbus.Received, consumer: Consumer, queue: mwbus.WorkQueue) -> None:
        self.message = message
        self._consumer = consumer
        self._queue = queue

    async def ack(self) -> None:
        """Done: never deliver it again."""
        self._consumer.out.pop(self.message.seq, None)

    async def term(self) -> None:
        """Never deliver it again."""
        self._consumer.out.pop(self.message.seq, None)

    async def in_progress(self) -> None:
        """Still working: the ack wait starts again."""
        self._due(self._queue.ack_wait)

    async def nak(self, after: float) -> None:
        """Redeliver it after that many seconds."""
        self._due(after)

    def _due(self, after: float) -> None:
        if waiting := self._consumer.out.get(self.message.seq):
            waiting.due = time.monotonic() + after


async def jobs(bus: MemoryBus, queue: mwbus.WorkQueue) -> AsyncGenerator[MemoryJob | None, None]:
    """Deliveries without end; None after each second without one."""
    consumer = bus.consumers.setdefault((queue.stream, queue.name), Consumer())
    since = time.monotonic()
    while True:
        if message := consumer.next(bus.streams[queue.stream], queue):
            yield MemoryJob(message, consumer, queue)
            since = time.monotonic()
            continue
        if time.monotonic() - since >= _EMPTY:
            yield None
            since = time.monotonic()
        await bus.news.wait(_TURN)
