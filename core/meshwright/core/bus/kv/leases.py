"""Leases: at most one process does a singleton's work, and another one takes over when it fails.

Invariant: the lease is a key that expires unless it is renewed; its holder renews it every third of its time-to-live
and stops its work when a renewal fails. A lease elects, it does not fence: writers are fenced by stream sequences.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from meshwright.core import ending
from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.errors import BusError, Conflict
from meshwright.core.bus.kv.buckets import Bucket, open_bucket
from meshwright.schemas import subjects

log = logging.getLogger(__name__)
TTL = subjects.LEASES.ttl
"""seconds until the lease of a dead holder expires"""


class _Held:
    """A lease at its last renewal; `revision` proves that it is still held."""

    def __init__(self, bucket: Bucket, name: str, holder: str, revision: int) -> None:
        self._bucket = bucket
        self._name = name
        self._holder = holder.encode()
        self._revision = revision

    async def renew(self) -> None:
        self._revision = await self._bucket.update(self._name, self._holder, self._revision)

    async def release(self) -> None:
        """Release the lease, unless another process holds it by now."""
        try:
            async with asyncio.timeout(1.0):
                await self._bucket.delete(self._name, self._revision)
        except (BusError, TimeoutError):
            log.debug("did not release the lease %s: it has another holder or expires", self._name)


async def hold(bus: Connection, name: str, holder: str, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for the lease `name`, run `work` while it is held, and wait again when it is lost, until cancelled.

    `work` is cancelled when the lease is lost. When `work` itself returns or raises, so does this function.
    """
    bucket = await open_bucket(bus, subjects.LEASES.name, ttl=TTL)
    while True:
        held = await _acquire(bucket, name, holder)
        log.info("holding the lease %s", name)
        try:
            if await _work_while_renewing(held, work):
                return
        finally:
            await held.release()
        log.warning("lost the lease %s", name)


async def _acquire(bucket: Bucket, name: str, holder: str) -> _Held:
    while True:
        with contextlib.suppress(BusError):
            return _Held(bucket, name, holder, await _take(bucket, name, holder))
        await asyncio.sleep(TTL / 10)


async def _take(bucket: Bucket, name: str, holder: str) -> int:
    """Create or take over the key. Raises BusError while another process holds it.

    A key with this holder's own name is taken over: its creation succeeded but the ack arrived too late.
    """
    try:
        return await bucket.create(name, holder.encode())
    except Conflict:
        standing = await bucket.get(name)
        if standing is None or standing.value != holder.encode():
            raise
        return await bucket.update(name, holder.encode(), standing.revision)


async def _work_while_renewing(held: _Held, work: Callable[[], Awaitable[None]]) -> bool:
    """True when the work returned, False when the lease was lost."""
    task = asyncio.ensure_future(work())
    try:
        renewed = asyncio.get_running_loop().time()
        while True:
            done, _ = await asyncio.wait({task}, timeout=TTL / 3)
            if done:
                await task
                return True
            try:
                await held.renew()
                renewed = asyncio.get_running_loop().time()
            except Conflict:
                return False
            except BusError:
                if asyncio.get_running_loop().time() - renewed > TTL:
                    return False
    finally:
        await ending.end(task)
