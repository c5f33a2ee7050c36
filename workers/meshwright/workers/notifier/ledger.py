"""The pending deliveries of one webhook.

Invariant: a pure data structure; an event that was added stays until it is settled, and a snapshot holds everything
that is not settled, also what is being delivered at that moment.
"""

import datetime
import heapq

import msgspec

from meshwright.core.bus import Position
from meshwright.schemas.webhooks import WebhookWritten

MAX_WAITING = 512
"""number of events that wait for one endpoint before reading stops; the rest wait in the stream"""


_FIRST = -1.0


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An event by its sequence, its number of attempts, and the time of the next one, in seconds since 1970."""

    event: int
    attempts: int = 0
    due: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `read` was read, and the orders (pings, replays) up to `ordered` were added.

    `read_at` and `ordered_at` are when those two events were stored, if they were seen. The other fields identify the
    webhook and its version.
    """

    created_at: datetime.datetime
    since: int
    version: int
    read: int
    read_at: datetime.datetime | None = None
    ordered: int = 0
    ordered_at: datetime.datetime | None = None
    waiting: list[Waiting] = []


class Ledger:
    """The unsettled events, the next one first."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._identity = snapshot
        self.read = Position(seq=snapshot.read, time=snapshot.read_at)
        self.ordered = Position(seq=snapshot.ordered, time=snapshot.ordered_at)
        self._waiting = {one.event: one for one in snapshot.waiting}
        self._trying: set[int] = set()
        self._heap: list[tuple[float, int]] = []
        self.rewinds = 0
        """increased whenever reading has to go back"""
        for one in snapshot.waiting:
            self._put(one)

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return len(self._waiting) < MAX_WAITING

    @property
    def trying(self) -> int:
        """The number of deliveries in progress."""
        return len(self._trying)

    def take(self, event: int, *, first: bool = False) -> None:
        """Add an event, due now, or even `first`; one that waits already is moved forward."""
        if event not in self._trying:
            attempts = self._waiting[event].attempts if event in self._waiting else 0
            self._put(Waiting(event, attempts, _FIRST if first else 0.0))

    def start(self, now: float) -> Waiting | None:
        """Start the next event that is due."""
        while self._heap and self._heap[0][0] <= now:
            due, event = heapq.heappop(self._heap)
            one = self._waiting.get(event)
            if one is not None and one.due == due and event not in self._trying:
                self._trying.add(event)
                return one
        return None

    def settled(self, event: int) -> None:
        """Remove an event that was delivered or given up."""
        self._trying.discard(event)
        self._waiting.pop(event, None)

    def retry(self, one: Waiting, due: float) -> None:
        """Schedule the next attempt at `due` after a failure."""
        self._trying.discard(one.event)
        self._put(Waiting(one.event, one.attempts + 1, due))

    def next_due(self) -> float | None:
        """The time of the next due event, or None when none waits."""
        return self._heap[0][0] if self._heap else None

    def hurry(self) -> None:
        """Make all waiting events due now."""
        self._heap = []
        for one in list(self._waiting.values()):
            if one.event not in self._trying:
                self._put(_due_now(one))

    def rewind(self, to: int) -> None:
        """Read again from behind `to`."""
        if to < self.read.seq:
            self.read = Position(seq=max(to, 0))
        self.rewinds += 1

    def snapshot(self) -> Snapshot:
        """A snapshot from which a start can continue."""
        waiting = sorted(self._waiting.values(), key=lambda each: each.event)
        return msgspec.structs.replace(
            self._identity,
            read=self.read.seq,
            read_at=self.read.time,
            ordered=self.ordered.seq,
            ordered_at=self.ordered.time,
            waiting=waiting,
        )

    def _put(self, one: Waiting) -> None:
        self._waiting[one.event] = one
        heapq.heappush(self._heap, (one.due, one.event))


def resumed(stored: Snapshot | None, written: WebhookWritten, version: int) -> Snapshot:
    """The snapshot from which this version of a webhook continues.

    A new version is read from where it was written, because events behind it may have been filtered by the version
    before; a webhook that was created or enabled again begins there.
    """
    since = written.since
    fresh = Snapshot(created_at=written.created_at, since=since, version=version, read=since, ordered=since)
    if stored is None or stored.created_at != written.created_at:
        return fresh
    if stored.version == version:
        return stored
    waiting = [_due_now(one) for one in stored.waiting]  # the change may have fixed it
    if stored.since != since:
        return msgspec.structs.replace(fresh, waiting=waiting)
    read, read_at = (stored.read, stored.read_at) if stored.read <= written.as_of else (written.as_of, None)
    return msgspec.structs.replace(stored, version=version, read=read, read_at=read_at, waiting=waiting)


def _due_now(one: Waiting) -> Waiting:
    return Waiting(one.event, one.attempts)
