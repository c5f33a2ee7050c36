"""Operations that have not ended, by deadline.

Invariant: a pure data structure; an operation that ended is never due, and one that is due stays so until it has ended.
"""

import datetime
import heapq

import msgspec


class Open(msgspec.Struct, frozen=True, array_like=True):
    """An accepted operation and its deadline in seconds since 1970."""

    workspace: str
    operation: str
    deadline: float


class Snapshot(msgspec.Struct, frozen=True):
    """All open operations after the event `seq` of EVENTS, which was stored at `time`."""

    seq: int = 0
    open: list[Open] = []
    time: datetime.datetime | None = None


class OpenOperations:
    """The open operations, the next deadline first."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.seq = snapshot.seq
        self.time = snapshot.time
        self._open = {one.operation: one for one in snapshot.open}
        self._heap = [(one.deadline, one.operation) for one in snapshot.open]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._open)

    def accepted(self, workspace: str, operation: str, deadline: datetime.datetime) -> None:
        """Add an operation; adding it twice changes nothing."""
        one = Open(workspace, operation, deadline.timestamp())
        if self._open.get(operation) != one:
            self._open[operation] = one
            heapq.heappush(self._heap, (one.deadline, operation))

    def ended(self, operation: str) -> None:
        """Remove an operation that ended, whichever process ended it."""
        self._open.pop(operation, None)
        if len(self._heap) > 1000 and len(self._heap) > 2 * len(self._open):
            self._heap = [(one.deadline, one.operation) for one in self._open.values()]
            heapq.heapify(self._heap)

    def due(self, now: float) -> list[Open]:
        """The operations whose deadline has passed at `now`, seconds since 1970."""
        overdue: dict[str, Open] = {}  # an operation that was added twice is in the heap twice
        while self._heap and self._heap[0][0] <= now:
            deadline, operation = heapq.heappop(self._heap)
            one = self._open.get(operation)
            if one is not None and one.deadline == deadline:
                overdue[operation] = one
        for one in overdue.values():  # still due until it has ended
            heapq.heappush(self._heap, (one.deadline, one.operation))
        return list(overdue.values())

    def snapshot(self) -> Snapshot:
        """A snapshot from which a start can continue."""
        return Snapshot(self.seq, list(self._open.values()), self.time)
