"""Leases: at most one process does a singleton's work, and another takes over when it dies.

Invariant: the lease is a key that the server removes when nobody renews it; whoever holds it renews it every
third of its time-to-live and stops its work when a renewal fails. A lease chooses, it does not fence: writers
are fenced by stream sequences.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from meshwright.core.bus.buckets import Bucket, open_bucket
from meshwright.core.bus.connecting import Connection
from meshwright.core.bus.errors import BusError, Conflict

log = logging.getLogger(__name__)
TTL = 5.0
"""seconds until a dead holder's lease is free"""
_BUCKET = "mw_leases"


async def hold(bus: Connection, name: str, holder: str, work: Callable[[], Awaitable[None]]) -> None:
    """Wait for the lease `name`, run `work` while holding it, and wait again when it is lost; for ever.

    `work` is cancelled when the lease is lost. When `work` itself returns or raises, so does this.
    """
    bucket = await open_bucket(bus, _BUCKET, ttl=TTL)
    while True:
        revision = await _acquire(bucket, name, holder)
        log.info("holding the lease %s", name)
        try:
            if await _work_while_renewing(bucket, name, holder, revision, work):
                return
        finally:
            await _release(bucket, name)
        log.warning("lost the lease %s", name)


async def _acquire(bucket: Bucket, name: str, holder: str) -> int:
    while True:
        try:
            return await bucket.create(name, holder.encode())
        except BusError:
            await asyncio.sleep(TTL / 10)


async def _work_while_renewing(
    bucket: Bucket, name: str, holder: str, revision: int, work: Callable[[], Awaitable[None]]
) -> bool:
    """True when the work ended by itself, False when the lease was lost."""
    task = asyncio.ensure_future(work())
    try:
        renewed = asyncio.get_running_loop().time()
        while True:
            done, _ = await asyncio.wait({task}, timeout=TTL / 3)
            if done:
                await task
                return True
            try:
                revision = await bucket.update(name, holder.encode(), revision)
                renewed = asyncio.get_running_loop().time()
            except Conflict:
                return False
            except BusError:
                if asyncio.get_running_loop().time() - renewed > TTL:
                    return False
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})


async def _release(bucket: Bucket, name: str) -> None:
    try:
        await asyncio.wait_for(bucket.delete(name), 1.0)
    except (BusError, TimeoutError):
        log.debug("could not release the lease %s; it ends by itself", name)
