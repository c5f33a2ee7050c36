"""How finely measurements are kept, and for how long.

Problem: every window of every mesh for weeks would fill any disk, and adding them up would take minutes. Invariant: the
older, the coarser: a coarser span is a whole number of finer ones, begins with one of them, and is kept longer. This is
the only place that says for how long.
"""

import datetime

import msgspec

RAW_KEPT = datetime.timedelta(hours=6)
"""how long windows are kept as they were measured, on the stream and in the views"""


class Resolution(msgspec.Struct, frozen=True):
    """Spans of so many seconds, each kept as one roll-up for `kept` after it began."""

    seconds: int
    kept: datetime.timedelta

    @property
    def span(self) -> datetime.timedelta:
        """The length of a span."""
        return datetime.timedelta(seconds=self.seconds)

    def begin(self, moment: datetime.datetime) -> datetime.datetime:
        """When the span of a moment began: at a multiple of its length since 1970."""
        return datetime.datetime.fromtimestamp(moment.timestamp() // self.seconds * self.seconds, datetime.UTC)


MINUTES = Resolution(60, datetime.timedelta(days=2))
HOURS = Resolution(3600, datetime.timedelta(weeks=5))
RESOLUTIONS = (MINUTES, HOURS)
"""the finest first"""


def coarsest_needed(age: datetime.timedelta) -> int:
    """The length in seconds of the spans in which measurements of that age are still kept; 0: as measured."""
    if age <= RAW_KEPT:
        return 0
    return next((each.seconds for each in RESOLUTIONS if age <= each.kept), RESOLUTIONS[-1].seconds)
