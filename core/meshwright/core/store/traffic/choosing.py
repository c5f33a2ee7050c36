"""Which rows are read for a span: whole hours, then whole minutes, then windows as they were measured.

Problem: windows come late, and roll-ups follow them after a moment. Invariant: a roll-up has exactly the windows that
began in its span and were stored up to its position; every window of the span is counted once, in the roll-up that has
it or by itself. A span that begins or ends within a minute has there the windows that began within it, as ever.
"""

import datetime
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from meshwright.core.measurements.resolutions import RESOLUTIONS
from meshwright.core.store.traffic.pipelines import Window

Position: TypeAlias = tuple[int, datetime.datetime]


class RolledUp(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a roll-up without its edges: which span it is of, and up to which position (`seq`, `time`).

    Large roll-ups have several rows, `part` 0 and more, each with some of the edges.
    """

    workspace: str
    mesh: str
    resolution: int
    start: datetime.datetime
    part: int
    seq: int
    time: datetime.datetime
    seconds: float

    @property
    def key(self) -> str:
        """Its `_id`."""
        return f"{self.workspace}/{self.mesh}/{self.resolution}/{int(self.start.timestamp())}/{self.part}"

    @property
    def end(self) -> datetime.datetime:
        """When its span ends."""
        return self.start + datetime.timedelta(seconds=self.resolution)

    @property
    def position(self) -> Position:
        """Up to where it has the windows of its span."""
        return self.seq, self.time

    def window(self) -> Window:
        """The row as something to add up."""
        return Window(seq=self.seq, start=self.start, seconds=self.seconds, time=self.time, key=self.key)


def is_in(window: Window, position: Position) -> bool:
    """Whether a window of its span is in a roll-up of that position.

    A stream that was made again gives its sequences out again, but later; a clock may go back, but not sequences.
    """
    seq, time = position
    return window.seq <= seq and (window.time is None or window.time <= time)


def chosen(
    windows: Sequence[Window],
    rolled: Sequence[RolledUp],
    *,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    step: float | None,
) -> list[Window]:
    """The rows to add up, newest first; `windows` are those of the span."""
    spans: dict[tuple[int, datetime.datetime], list[RolledUp]] = {}
    for row in rolled:
        spans.setdefault((row.resolution, row.start), []).append(row)
    taken: dict[tuple[int, datetime.datetime], Position] = {}
    result: list[Window] = []
    for resolution in reversed(RESOLUTIONS):
        if step is not None and step % resolution.seconds:
            continue
        for (seconds, start), rows in spans.items():
            if seconds != resolution.seconds or not _is_within(start, start + resolution.span, since, until):
                continue
            is_whole = len({row.position for row in rows}) == 1  # a row that is being written is ahead of the others
            if is_whole and _of(start, taken) is None:
                taken[seconds, start] = rows[0].position
                result += [row.window() for row in rows]
    result += [window for window in windows if not _is_counted(window, taken)]
    return sorted(result, key=lambda window: (window.start, window.seq), reverse=True)


def _is_counted(window: Window, taken: dict[tuple[int, datetime.datetime], Position]) -> bool:
    position = _of(window.start, taken)
    return position is not None and is_in(window, position)


def _of(moment: datetime.datetime, taken: dict[tuple[int, datetime.datetime], Position]) -> Position | None:
    """The position of the roll-up that was taken for this moment."""
    for resolution in reversed(RESOLUTIONS):
        if (position := taken.get((resolution.seconds, resolution.begin(moment)))) is not None:
            return position
    return None


def _is_within(
    start: datetime.datetime, end: datetime.datetime, since: datetime.datetime | None, until: datetime.datetime | None
) -> bool:
    return (since is None or start >= since) and (until is None or end <= until)
