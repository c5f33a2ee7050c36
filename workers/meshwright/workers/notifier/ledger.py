"""What one webhook has still to get.

Invariant: pure bookkeeping; an event that was taken stays until it is settled, and a snapshot holds everything
that is not settled, also what is being tried at that moment.
"""

import datetime
import heapq

import msgspec

from meshwright.core.bus import Position
from meshwright.schemas.webhooks import WebhookWritten

MOST = 512
"""events that wait for one endpoint before reading stops; the rest wait in the stream"""


_FIRST = -1.0


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """An event by its sequence, how often it was tried, and when it is next, in seconds since 1970."""

    event: int
    attempts: int = 0
    due: float = 0.0


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Everything up to `read` was read, and the orders (pings, replays) up to `ordered` were taken.

    `read_at` and `ordered_at` are when those two events were stored, if they were seen. The other fields say for
    which webhook and which version of it this holds.
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
        """grows whenever reading has to go back"""
        for one in snapshot.waiting:
            self._put(one)

    @property
    def has_room(self) -> bool:
        """Whether more may be read."""
        return len(self._waiting) < MOST

    @property
    def trying(self) -> int:
        """How many are being tried now."""
        return len(self._trying)

    def take(self, event: int, *, first: bool = False) -> None:
        """An event is to be delivered, now or even `first`; one that waits already is brought forward."""
        if event not in self._trying:
            attempts = self._waiting[event].attempts if event in self._waiting else 0
            self._put(Waiting(event, attempts, _FIRST if first else 0.0))

    def start(self, now: float) -> Waiting | None:
        """The next event that is due, which counts as being tried from now on."""
        while self._heap and self._heap[0][0] <= now:
            due, event = heapq.heappop(self._heap)
            one = self._waiting.get(event)
            if one is not None and one.due == due and event not in self._trying:
                self._trying.add(event)
                return one
        return None

    def settled(self, event: int) -> None:
        """It was delivered or given up."""
        self._trying.discard(event)
        self._waiting.pop(event, None)

    def retry(self, one: Waiting, due: float) -> None:
        """A try failed; the next is at `due`."""
        self._trying.discard(one.event)
        self._put(Waiting(one.event, one.attempts + 1, due))

    def next_due(self) -> float | None:
        """When the next event is due, or None when none waits."""
        return self._heap[0][0] if self._heap else None

    def hurry(self) -> None:
        """Everything that waits is due now."""
        self._heap = []
        for one in list(self._waiting.values()):
            if one.event not in self._trying:
                self._put(_at_once(one))

    def rewind(self, to: int) -> None:
        """Read again from behind `to`."""
        if to < self.read.seq:
            self.read = Position(seq=max(to, 0))
        self.rewinds += 1

    def snapshot(self) -> Snapshot:
        """What to start from another time."""
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
    """Where to go on with this version of a webhook.

    A new version is read from where it was written, because events behind it may have been judged by the filters
    of the one before; a webhook that was made or enabled anew begins there.
    """
    since = written.since
    fresh = Snapshot(created_at=written.created_at, since=since, version=version, read=since, ordered=since)
    if stored is None or stored.created_at != written.created_at:
        return fresh
    if stored.version == version:
        return stored
    waiting = [_at_once(one) for one in stored.waiting]  # what was changed may have mended it
    if stored.since != since:
        return msgspec.structs.replace(fresh, waiting=waiting)
    read, read_at = (stored.read, stored.read_at) if stored.read <= written.as_of else (written.as_of, None)
    return msgspec.structs.replace(stored, version=version, read=read, read_at=read_at, waiting=waiting)


def _at_once(one: Waiting) -> Waiting:
    return Waiting(one.event, one.attempts)
