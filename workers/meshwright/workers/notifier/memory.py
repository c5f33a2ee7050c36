"""Storage of a webhook's ledger: one key of a bucket.

Invariant: only the process that read the newest version may replace it, so a notifier that lost its lease without
noticing fails at its next write; a write is retried until NATS has acknowledged it.
"""

import asyncio
import logging

import msgspec

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects
from meshwright.workers.notifier.ledger import Snapshot

log = logging.getLogger(__name__)
BUCKET = subjects.DELIVERIES.name
PAUSE = 0.25
"""seconds between two attempts while NATS is unavailable"""


class Superseded(Exception):
    """Another notifier has written this webhook's ledger."""


class Memory:
    """The stored ledger of one webhook."""

    def __init__(self, bucket: mwbus.Bucket, workspace: str, webhook: str) -> None:
        self._bucket = bucket
        self._key = f"{workspace}.{webhook}"
        self._revision = 0

    async def read(self) -> Snapshot | None:
        """The stored ledger, or None. Raises BusUnavailable."""
        entry = await self._bucket.get(self._key)
        self._revision = entry.revision if entry else 0
        if entry is None:
            return None
        try:
            return msgspec.json.decode(entry.value, type=Snapshot)
        except msgspec.DecodeError as error:
            log.error("the delivery state of %s cannot be decoded and is reset: %s", self._key, error)
            return None

    async def write(self, snapshot: Snapshot) -> None:
        """Store the ledger. Raises Superseded."""
        value = msgspec.json.encode(snapshot)
        while True:
            try:
                await self._replace(value)
            except mwbus.BusUnavailable as error:
                log.debug("the delivery state of %s cannot be written yet: %s", self._key, error)
                await asyncio.sleep(PAUSE)
            else:
                return

    async def forget(self) -> None:
        """Delete the ledger of a removed webhook."""
        await mwbus.until_available(self._bucket.delete, self._key, pause=PAUSE)

    async def _replace(self, value: bytes) -> None:
        """Raises BusUnavailable, Superseded."""
        try:
            if self._revision:
                self._revision = await self._bucket.update(self._key, value, self._revision)
            else:
                self._revision = await self._bucket.create(self._key, value)
        except mwbus.Conflict as conflict:
            standing = await self._bucket.get(self._key)
            if standing is None or standing.value != value:
                raise Superseded(self._key) from conflict
            self._revision = standing.revision  # this process's own write, whose ack was lost
