"""How old what a read shows may be.

Problem: a projector that has stopped leaves views that look right and are old. Invariant: the age never says less
than the truth: it is counted from a moment up to which everything is known to be in the views, and grows while
nothing can be known.
"""

import asyncio
import time

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import kinds

HEADER = "Meshwright-Age"
"""The response header of a read: everything that was stored so many seconds before the answer is in it."""
_LOOK = 1.0
"""seconds between two looks"""


class Freshness:
    """Run `follow` beside it."""

    def __init__(self, bus: mwbus.Connection, views: store.Views) -> None:
        self._bus = bus
        self._views = views
        self._complete_until: float | None = None

    @property
    def text(self) -> str:
        """The header's value: seconds, or `unknown` while nothing was ever seen of the views."""
        if self._complete_until is None:
            return "unknown"
        return f"{max(time.time() - self._complete_until, 0.0):.1f}"

    async def follow(self) -> None:
        """Keep looking; for ever."""
        while True:
            try:
                seen = [await self._complete(stream) for stream in kinds.STREAMS]
            except (mwbus.BusUnavailable, store.StoreUnavailable):
                seen = []
            if seen and None not in seen:
                self._complete_until = min(moment for moment in seen if moment is not None)
            await asyncio.sleep(_LOOK)

    async def _complete(self, stream: str) -> float | None:
        """The moment up to which everything of a stream is in the views, in seconds since 1970."""
        now = time.time()
        last = (await self._bus.stream_bounds(stream))[1]
        position = await self._views.position(stream)
        if position.seq >= last:
            return now
        return position.time.timestamp() if position.time else None
