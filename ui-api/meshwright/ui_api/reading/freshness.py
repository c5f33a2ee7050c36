"""The age of the views, and whether a projector is updating them.

Problem: a projector that has stopped leaves views that look right and are old. Invariant: the age is never understated:
it is counted from a moment up to which everything is known to be in the views, and grows while nothing can be known.
Ages are measured by the clock of the server that stored the message, independent of this host's.
"""

import asyncio
import contextlib
import time

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import kinds

HEADER = "Meshwright-Age"
"""the response header of a read: the answer includes everything that was stored before this many seconds ago"""
OLD = 60.0
"""age in seconds from which the views are not ready"""
SILENT = 8.0
"""seconds without a heartbeat after which the projector counts as dead; another one takes over within six"""
_LOOK = 1.0
"""seconds between two checks"""


class _Seen(msgspec.Struct, frozen=True):
    """A stream is in the views up to `seq`, and everything stored until `complete` (monotonic) is."""

    seq: int
    complete: float


class Freshness:
    """Run `follow` concurrently."""

    def __init__(self, bus: mwbus.Connection, views: store.Views) -> None:
        self._bus = bus
        self._views = views
        self._seen: dict[str, _Seen] = {}
        self._beat: float | None = None

    @property
    def age(self) -> float | None:
        """Seconds; None while nothing is known of the views."""
        if len(self._seen) < len(kinds.STREAMS):
            return None
        return max(time.monotonic() - min(seen.complete for seen in self._seen.values()), 0.0)

    @property
    def text(self) -> str:
        """The header's value: seconds, or `unknown`."""
        age = self.age
        return "unknown" if age is None else f"{age:.1f}"

    @property
    def complaint(self) -> str:
        """Why the views are not reliable; empty when they are."""
        if self._beat is None:
            return "no projector has ever run"
        age, silent = self.age, time.monotonic() - self._beat
        if silent > SILENT:
            old = "" if age is None else f"; reads may be {age:.0f} s old"
            return f"no projector is running: its last heartbeat is {silent:.0f} s old{old}"
        if age is None:
            return "their age is still unknown"
        return f"they are {age:.0f} s old: the projector is running and lagging" if age > OLD else ""

    async def follow(self) -> None:
        """Check periodically; until cancelled."""
        while True:
            with contextlib.suppress(mwbus.BusUnavailable, store.StoreError):  # then the age grows
                await self._look()
            await asyncio.sleep(_LOOK)

    async def _look(self) -> None:
        """Check once. Raises BusUnavailable, StoreUnavailable."""
        silent = await self._views.heartbeat()
        if silent is not None:
            self._beat = time.monotonic() - silent
        for stream in kinds.STREAMS:
            await self._see(stream)

    async def _see(self, stream: str) -> None:
        now, wall = time.monotonic(), await self._bus.clock.now()
        last = (await self._bus.stream_bounds(stream))[1]
        position = await self._views.position(stream)
        before = self._seen.get(stream)
        known = before.complete if before and before.seq <= position.seq else float("-inf")
        if position.seq >= last:
            known = now
        elif position.time is not None:
            known = max(known, now - max(wall - position.time.timestamp(), 0.0))
        if known > float("-inf"):
            self._seen[stream] = _Seen(position.seq, known)
