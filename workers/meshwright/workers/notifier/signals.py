"""How the tasks of one webhook wake each other.

Invariant: a signal is a hint; whoever waits for one looks again by itself after `LOOK` seconds at the latest.
"""

import asyncio

LOOK = 1.0


class Signals:
    """`changed`: something may be due; `room`: the ledger is less full; `unsaved`: it is to be written down."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.room = asyncio.Event()
        self.unsaved = asyncio.Event()


async def within(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most so long."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return
