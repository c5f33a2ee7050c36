"""Presence: which workers are alive, as keys that expire when their owner stops renewing them.

Invariant: an entry that was not renewed for `TTL` seconds is gone; a graceful shutdown removes it at once.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec

from meshwright.core import ending
from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import BusError
from meshwright.core.bus.kv.buckets import Bucket, open_bucket
from meshwright.schemas import subjects
from meshwright.schemas.adapters import AdapterAnnouncement

TTL = subjects.PRESENCE.ttl
"""seconds without a renewal after which a worker counts as lost"""


async def open_presence(bus: Connection) -> Bucket:
    """The bucket of announcements: key `<adapter>.<instance>`, value an AdapterAnnouncement as JSON."""
    return await open_bucket(bus, subjects.PRESENCE.name, ttl=TTL)


@asynccontextmanager
async def announced(bus: Connection, announcement: AdapterAnnouncement) -> AsyncIterator[None]:
    """Keep an announcement alive for the length of the block."""
    bucket = await open_presence(bus)
    key = f"{announcement.name}.{announcement.instance}"
    value = msgspec.json.encode(announcement)

    async def renew() -> None:
        while True:
            with contextlib.suppress(BusError):  # retried at the next renewal; else the entry expires
                await bucket.put(key, value)
            await asyncio.sleep(TTL / 3)

    task = asyncio.create_task(renew())
    try:
        yield
    finally:
        await ending.end(task)
        with contextlib.suppress(BusError, TimeoutError):  # it expires by itself
            async with asyncio.timeout(1.0):
                await bucket.delete(key)
