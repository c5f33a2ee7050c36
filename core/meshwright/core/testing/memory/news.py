"""Waking whoever waits for something new, as a server would by sending it.

Invariant: what is announced after somebody began to wait wakes them; nobody waits longer than was asked.
"""

import asyncio


class News:
    """Announcements of one stream or bucket."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def announce(self) -> None:
        """Wake everybody who waits now."""
        for event in self._waiting:
            event.set()

    async def wait(self, timeout: float) -> None:
        """Return at the next announcement, or after `timeout` seconds."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(max(timeout, 0)):
                await event.wait()
        except TimeoutError:
            return
        finally:
            self._waiting.discard(event)
