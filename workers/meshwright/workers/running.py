"""What the singleton processes share: a name among their like, and an end when told.

Invariant: SIGTERM and SIGINT cancel the work, which then closes what it opened; nothing runs on afterwards.
"""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable

from meshwright.core import ids


def instance() -> str:
    """A name that no other process has, with host and pid for people."""
    return f"{socket.gethostname().split('.')[0][:40]}-{os.getpid()}-{ids.fresh()[-6:]}"


async def until_told(work: Callable[[], Awaitable[None]]) -> None:
    """Run `work` until it ends by itself or SIGTERM or SIGINT arrives. Raises what `work` raises."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    working = asyncio.ensure_future(work())
    told = asyncio.create_task(stop.wait())
    await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
    for task in (working, told):
        if not task.done():
            task.cancel()
    await asyncio.wait({working, told})
    if not working.cancelled():
        working.result()
