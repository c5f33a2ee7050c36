"""Whether JetStream stores, proven by a write: a server whose disk is full still answers reads.

Problem: it gives up each stream that it could not write, and that stream's messages are acknowledged no more, until
it is restarted; the others may be well. Invariant: `prove` succeeds only when a write was stored a moment ago and no
message that this process published lately was left without an answer.
"""

import asyncio
import time

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import BusUnavailable
from meshwright.core.bus.kv.buckets import Bucket, open_bucket
from meshwright.schemas import subjects

_FRESH = 1.0
"""seconds for which a stored write proves the next; so often at most one is written"""
_REMEMBERED = 30.0
"""seconds for which a message without an answer speaks against its stream; trying again is the only way to know"""
_PAGE = b"\0" * 4096
"""what is written: a page, since a smaller one may still fit where a full disk has no page left"""
_WITHIN = 2.0
_REMEDY = "is its disk full? When there is room again, nats-server has to be restarted"


class Storing:
    """The proof for one connection."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self._bucket: Bucket | None = None
        self._fresh_until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def prove(self) -> None:
        """Raises BusUnavailable, within about two seconds, when it cannot be proven."""
        if not self._bus.is_connected:
            raise BusUnavailable("there is no connection to NATS")
        async with self._one_at_a_time:
            if time.monotonic() >= self._fresh_until:
                await self._write()
                self._fresh_until = time.monotonic() + _FRESH
        if unanswered := self._bus.publisher.unanswered(_REMEMBERED):
            raise BusUnavailable(f"NATS did not store what was sent to {', '.join(unanswered)}: {_REMEDY}")

    async def _write(self) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                self._bucket = self._bucket or await open_bucket(self._bus, subjects.HEALTH.name)
                await self._bucket.put(self._bus.name, _PAGE)
        except (BusUnavailable, TimeoutError) as error:
            raise BusUnavailable(f"NATS did not store a message within {_WITHIN:g} s: {_REMEDY}") from error
