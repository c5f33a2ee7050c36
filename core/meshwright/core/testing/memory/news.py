"""Waking tasks that wait for new messages or changes.

Invariant: an announcement wakes every task that began to wait before it; no wait exceeds its time-out.
"""

import asyncio


class Announcements:
    """Announcements of one stream or bucket."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def announce(self) -> None:
        """Wake all waiting tasks."""
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
