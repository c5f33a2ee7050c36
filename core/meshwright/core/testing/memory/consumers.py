"""The state of a durable consumer in memory: what was delivered, how often, and when it is due again.

Invariant: a delivered message stays here until it is settled, or was delivered as often as its queue allows.
"""

import time
from collections.abc import Sequence

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.testing.memory.matching import matches


class _Waiting(msgspec.Struct):
    """A message that was delivered and not settled: when it is due again, and its number of deliveries."""

    message: mwbus.Received
    due: float
    deliveries: int = 1


class Consumer:
    """The state of one durable consumer."""

    def __init__(self) -> None:
        self.seen = 0
        self.out: dict[int, _Waiting] = {}

    def next(self, stored: Sequence[mwbus.Received], queue: mwbus.WorkQueue) -> mwbus.Received | None:
        """The next message that is due, of those that the queue's stream holds."""
        now = time.monotonic()
        for waiting in list(self.out.values()):
            if waiting.due > now:
                continue
            if waiting.deliveries >= queue.max_deliver > 0:
                del self.out[waiting.message.seq]
                continue
            waiting.deliveries += 1
            waiting.due = now + queue.ack_wait
            return msgspec.structs.replace(waiting.message, deliveries=waiting.deliveries)
        for message in stored:
            if message.seq > self.seen and matches(queue.subject, message.subject):
                self.seen = message.seq
                self.out[message.seq] = _Waiting(message, now + queue.ack_wait)
                return message
        return None
