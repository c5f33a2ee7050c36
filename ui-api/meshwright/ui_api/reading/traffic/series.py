"""Points over time, in equal steps.

Invariant: a step is at least two windows long, so that one is in every step although windows are a little longer than
their interval; steps begin at multiples of their length, so that a chart does not tremble while time goes on.
"""

import datetime
import statistics
from collections.abc import Sequence

from meshwright.core.measurements.totals import Totals
from meshwright.core.store.traffic.pipelines import Key, Window
from meshwright.schemas.readings.traffic import SeriesPoint

STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
MAX_POINTS = 300


def step_of(since: datetime.datetime, until: datetime.datetime, points: int, windows: Sequence[Window]) -> float:
    """The length of a step in seconds: at most so many fit into the span, and one more as it begins with a multiple."""
    span = max((until - since).total_seconds(), 1.0)
    least = 2 * statistics.median(window.seconds for window in windows[:100]) if windows else 1.0
    wanted = max(span / points, least)
    return float(next((step for step in STEPS if step >= wanted), -(-wanted // 86400) * 86400))


def begin_of(since: datetime.datetime, step: float) -> datetime.datetime:
    """The multiple of the step before."""
    return datetime.datetime.fromtimestamp(since.timestamp() // step * step, datetime.UTC)


def points(
    begin: datetime.datetime,
    until: datetime.datetime,
    step: float,
    sums: dict[Key, Totals],
    windows: Sequence[Window],
) -> list[SeriesPoint]:
    """A point for each step of the span."""
    measured: dict[int, float] = {}
    for window in windows:
        index = int((window.start - begin).total_seconds() // step)
        measured[index] = measured.get(index, 0.0) + window.seconds
    count = max(int(-(-(until - begin).total_seconds() // step)), 1)
    return [
        point(begin + datetime.timedelta(seconds=index * step), measured.get(index, 0.0), sums.get(index, Totals()))
        for index in range(count)
    ]


def point(start: datetime.datetime, seconds: float, total: Totals) -> SeriesPoint:
    """One sum as a point."""
    numbers = total.numbers(seconds)
    fields = {name: getattr(numbers, name) for name in numbers.__struct_fields__}
    return SeriesPoint(start=start, seconds=round(seconds, 3), **fields)
