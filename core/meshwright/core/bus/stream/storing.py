"""Checks by a write whether JetStream stores messages: a server whose disk is full still answers reads.

Problem: a stream that could not be written stops acknowledging until the server is restarted, while other streams may
be fine. Invariant: `prove` succeeds only when a write was stored a moment ago and every recent publish of this process
was acknowledged.
"""

import asyncio
import time

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import BusUnavailable
from meshwright.core.bus.kv.buckets import Bucket, open_bucket
from meshwright.schemas import subjects

_FRESH = 1.0
"""seconds for which a stored write counts as proof, and thus the interval between two such writes"""
_REMEMBERED = 30.0
"""seconds for which a publish without an ack counts against its stream; only another attempt can clear it"""
_PAGE = b"\0" * 4096
"""payload of the write: one page, since a smaller one may still fit on a full disk"""
_WITHIN = 2.0
_REMEDY = "is its disk full? When there is room again, nats-server has to be restarted"


class Storing:
    """The check for one connection."""

    def __init__(self, bus: Connection) -> None:
        self._bus = bus
        self._bucket: Bucket | None = None
        self._fresh_until = 0.0
        self._one_at_a_time = asyncio.Lock()

    async def prove(self) -> None:
        """Raises BusUnavailable, within about two seconds, when JetStream does not store."""
        if not self._bus.is_connected:
            raise BusUnavailable("not connected to NATS")
        async with self._one_at_a_time:
            if time.monotonic() >= self._fresh_until:
                await self._write()
                self._fresh_until = time.monotonic() + _FRESH
        if unanswered := self._bus.publisher.unanswered(_REMEMBERED):
            raise BusUnavailable(f"NATS did not acknowledge messages on {', '.join(unanswered)}: {_REMEDY}")

    async def _write(self) -> None:
        try:
            async with asyncio.timeout(_WITHIN):
                self._bucket = self._bucket or await open_bucket(self._bus, subjects.HEALTH.name)
                await self._bucket.put(self._bus.name, _PAGE)
        except (BusUnavailable, TimeoutError) as error:
            raise BusUnavailable(f"NATS did not store a message within {_WITHIN:g} s: {_REMEDY}") from error
