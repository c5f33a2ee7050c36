"""Signals between the tasks of one webhook.

Invariant: a signal is a hint; a task that waits for one checks by itself after `LOOK` seconds at the latest.
"""

import asyncio

LOOK = 1.0


class Signals:
    """`changed`: an event may be due; `room`: the ledger has room; `unsaved`: it must be stored."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.room = asyncio.Event()
        self.unsaved = asyncio.Event()


async def within(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most that long."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return
