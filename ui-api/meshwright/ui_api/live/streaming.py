"""The event stream: one reader of EVENTS per process, shared by every client.

Problem: a thousand dashboards must not be a thousand consumers and a thousand encoders, and a client that reconnects
must neither miss nor repeat an event. Invariant: the newest events are in one bounded ring, in the order of the stream;
a client is a position in it and owns no queue. A client that resumes before the ring reads the stream itself until it
reaches the ring; one that falls out of the ring, or has read events that the stream has lost, gets `reset`.
"""

import asyncio
import bisect
import datetime
import logging
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import event_filters
from meshwright.schemas import subjects
from meshwright.schemas.access import Role
from meshwright.ui_api.live import frames
from meshwright.ui_api.live.frames import Kept

log = logging.getLogger(__name__)
RING = 8192
"""number of events kept in memory"""
RING_BYTES = 16 * 2**20
_PREFILL = 2048
"""number of events read back when the reader starts, so that clients reconnecting after a restart find them in the
ring"""
_LINGER = 30.0
"""seconds for which the reader continues without a client"""
_TICK = 0.5
PING_S = 15.0
REWOUND, TRIMMED = "rewound", "trimmed"
_STREAM = subjects.EVENTS.stream


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """A client's filter; empty lists do not filter."""

    workspace: str
    role: Role = "viewer"
    since: datetime.datetime | None = None
    """events of the workspace stored before this time belong to an earlier one of that name"""
    types: list[str] = []
    entities: list[str] = []
    ids: list[str] = []
    operations: list[str] = []

    def match(self, event: Kept) -> bool:
        """Whether the client may see this event and its filter matches."""
        if not event_filters.may_read(self.role, self.workspace, event.workspace, event.entity):
            return False
        if self.since is not None and event.workspace == self.workspace and event.received.stored_at() < self.since:
            return False
        if not event_filters.passes(event.type, event.entity, self.types, self.entities):
            return False
        if self.ids and event.entity_id not in self.ids:
            return False
        return not self.operations or (event.entity == "operation" and event.entity_id in self.operations)


class Client:
    """One open stream. `seq` is the last event that was handled; `wake` is set when there are new ones."""

    __slots__ = ("credential", "ended", "idle_since", "seq", "stale", "token", "wake", "wanted")

    def __init__(self, wanted: EventFilter, credential: str, token: str) -> None:
        """`token`: the digest of the token, which is also behind a session."""
        self.wanted = wanted
        self.credential = credential
        self.token = token
        self.seq = 0
        self.ended = False
        self.stale = ""
        """why it cannot continue from its position: `rewound` or `trimmed`, empty while it can"""
        self.idle_since = time.monotonic()
        self.wake = asyncio.Event()

    def end(self) -> None:
        """Make the stream close as soon as it can."""
        self.ended = True
        self.wake.set()


class Hub:
    """The ring and its clients. Run `run` concurrently."""

    def __init__(self, bus: mwbus.Connection) -> None:
        self._bus = bus
        self._events: list[Kept] = []
        self._seqs: list[int] = []
        self._bytes = 0
        self.first = 0
        """the lowest sequence that the ring contains; 0 while there is no ring"""
        self._wanted = asyncio.Event()
        self._started = asyncio.Event()
        self.clients: set[Client] = set()
        self.closing = False

    @property
    def last(self) -> int:
        """The newest sequence in the ring, or the one before its first."""
        return self._seqs[-1] if self._seqs else self.first - 1

    async def run(self) -> None:
        """Read the stream while there are clients, and a little longer; until cancelled."""
        while True:
            await self._wanted.wait()
            try:
                await self._tail()
            except mwbus.Rewound as error:
                log.error("%s: resetting %d clients", error, len(self.clients))
                for client in self.clients:
                    client.stale = REWOUND
                self._started.clear()

    async def _tail(self) -> None:
        """Raises Rewound when EVENTS was rewound."""
        bounds = await self._bounds()
        start = max(bounds[0], bounds[1] + 1 - _PREFILL, 1)
        self._events, self._seqs, self._bytes, self.first = [], [], 0, start
        quiet_since = time.monotonic()
        filled = bounds[1]
        self._start_behind(filled)
        place = mwbus.Position(seq=start - 1)
        tail = mwbus.tail(self._bus, _STREAM, after=place, patience=_TICK, idle=True)
        async with aclosing(tail):
            async for batch in tail:
                self._keep(batch)
                self._start_behind(filled)
                if batch:
                    self._wake()
                if self.clients:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since > _LINGER:
                    # no await between this check of the clients and discarding the ring
                    self._started.clear()
                    self._wanted.clear()
                    self.first = 0
                    return

    def _start_behind(self, filled: int) -> None:
        """Wait until the existing events have been read back."""
        if self.last >= filled and not self._started.is_set():
            self._started.set()
            self._wake()

    async def _bounds(self) -> tuple[int, int]:
        return await mwbus.until_available(self._bus.stream_bounds, _STREAM, pause=_TICK)

    def _keep(self, batch: Iterable[mwbus.Received]) -> None:
        for received in batch:
            self._events.append(Kept(received))
            self._seqs.append(received.seq)
            self._bytes += len(received.payload) + 600
        # cutting off a quarter at a time keeps the cost per event constant
        if len(self._events) > RING or self._bytes > RING_BYTES:
            cut = max(len(self._events) - RING * 3 // 4, len(self._events) // 4)
            self._bytes -= sum(len(event.received.payload) + 600 for event in self._events[:cut])
            self.first = self._seqs[cut - 1] + 1
            del self._events[:cut], self._seqs[:cut]

    def _wake(self) -> None:
        for client in self.clients:
            client.wake.set()

    async def opened(self, client: Client, after: int | None, timeout: float = 2.0) -> None:
        """Register a client, from the event behind `after` or (None) from now on.

        Raises BusUnavailable when the stream cannot be read in time.
        """
        self.clients.add(client)
        self._wanted.set()
        try:
            async with asyncio.timeout(timeout):
                await self._started.wait()
                client.seq = self.last if after is None else after
                # a client of another API process may be a little ahead of this ring, but never of the stream
                if client.seq > self.last and client.seq > (await self._bounds())[1]:
                    client.stale = REWOUND
        except TimeoutError as error:
            self.clients.discard(client)
            raise mwbus.BusUnavailable("the event stream cannot be read now") from error
        if self.closing:
            client.end()

    def left(self, client: Client) -> None:
        """Remove a client."""
        self.clients.discard(client)

    def behind(self, client: Client) -> bool:
        """Whether the ring no longer contains the client's next event."""
        return not client.stale and self.first > 0 and client.seq + 1 < self.first

    def must_start_over(self, client: Client) -> str:
        """Why the client must be reset, or an empty string."""
        if client.stale:
            return client.stale if self._started.is_set() else ""  # until then its next position is unknown
        return "slow" if self.behind(client) else ""

    def start_over(self, client: Client, reason: str) -> bytes:
        """Continue a client from now; returns the frame that resets it."""
        client.seq, client.stale = self.last, ""
        return frames.reset(reason, client.seq)

    def take(self, client: Client, limit: int = 256) -> tuple[list[bytes], bool]:
        """The next frames for a client, at most `limit`, and whether there are more. Moves the client's position."""
        if client.stale:
            return [], False
        begin = bisect.bisect_right(self._seqs, client.seq)
        end = min(begin + limit, len(self._seqs))
        if begin < end:
            client.seq = self._seqs[end - 1]
        frames = [event.frame for event in self._events[begin:end] if client.wanted.match(event)]
        return frames, end < len(self._seqs)

    async def catch_up(self, client: Client) -> AsyncGenerator[bytes, None]:
        """Frames read from the stream itself, until the client reaches the ring or must be reset. Raises
        BusUnavailable.
        """
        while self.behind(client):
            meeting = self.first
            oldest = (await self._bus.stream_bounds(_STREAM))[0]
            if oldest > client.seq + 1:
                client.stale = TRIMMED
                return
            filters = _filters(client.wanted)
            newest = max([await self._newest(one) for one in filters])
            if newest > client.seq:
                try:
                    async for event in self._between(client, newest, filters):
                        if client.wanted.match(event):
                            yield event.frame
                except mwbus.Rewound:
                    client.stale = REWOUND
                    return
            # all relevant events up to `newest` were returned, and there were none between it and the ring
            client.seq = max(client.seq, meeting - 1)

    async def _between(self, client: Client, newest: int, filters: list[str]) -> AsyncGenerator[Kept, None]:
        place = mwbus.Position(seq=client.seq)
        tail = mwbus.tail(self._bus, _STREAM, after=place, subject=filters, batch=256)
        async with aclosing(tail):
            async for batch in tail:
                for received in batch:
                    client.seq = received.seq
                    yield Kept(received)
                    if received.seq >= newest:
                        return

    async def _newest(self, subject: str) -> int:
        newest = await self._bus.last(_STREAM, subject)
        return newest.seq if newest else 0

    def close(self) -> None:
        """End every stream, now and later."""
        self.closing = True
        for client in list(self.clients):
            client.end()


def _filters(wanted: EventFilter) -> list[str]:
    spaces = {wanted.workspace, subjects.SYSTEM_WORKSPACE}
    return [subjects.fill(subjects.EVENTS, workspace=space) for space in sorted(spaces)]
