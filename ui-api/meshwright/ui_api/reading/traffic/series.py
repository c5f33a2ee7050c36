"""Points over time, in equal steps.

Invariant: a step is at least two windows long, so that one is in every step although windows are a little longer than
their interval, and as long as the roll-ups of which its oldest ones are made; steps begin at multiples of their length,
so that a chart does not tremble while time goes on.
"""

import datetime
import statistics
from collections.abc import Sequence

from meshwright.core.measurements import resolutions
from meshwright.core.measurements.totals import Totals
from meshwright.core.store import Views
from meshwright.core.store.traffic.pipelines import EVERYTHING, Key, Selection, Window
from meshwright.schemas.readings.traffic import Series, SeriesPoint
from meshwright.ui_api.reading.traffic import adding

STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)
MAX_POINTS = 300
_NEWEST = 100
"""windows that tell how long they are"""


def step_of(
    since: datetime.datetime,
    until: datetime.datetime,
    points: int,
    windows: Sequence[Window],
    now: datetime.datetime | None = None,
) -> float:
    """The length of a step in seconds: at most so many fit into the span, and one more as it begins with a multiple.

    `windows` are some of those that were measured last.
    """
    span = max((until - since).total_seconds(), 1.0)
    measured = 2 * statistics.median(window.seconds for window in windows) if windows else 1.0
    rolled_up = resolutions.coarsest_needed((now or datetime.datetime.now(datetime.UTC)) - since)
    wanted = max(span / points, measured, rolled_up)
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


async def of_span(
    views: Views,
    workspace: str,
    mesh: str,
    since: datetime.datetime,
    until: datetime.datetime,
    points_wanted: int,
    selection: Selection = EVERYTHING,
) -> Series:
    """The traffic of a span in at most so many points, or one more. Raises StoreUnavailable."""
    newest = await views.windows(workspace, mesh, since=since, until=until, limit=_NEWEST)
    step = step_of(since, until, points_wanted, newest)
    begin = begin_of(since, step)
    windows = await views.span(workspace, mesh, since=since, until=until, step=step)
    added = await adding.add_up(views, workspace, mesh, windows, by="step", since=begin, step=step, selection=selection)
    total = Totals()
    for each in added.sums.values():
        total.add(each)
    return Series(
        mesh=mesh,
        since=begin,
        until=until,
        step=step,
        points=points(begin, until, step, added.sums, added.windows),
        total=point(added.start or begin, added.seconds, total),
        kept_since=await views.oldest(workspace, mesh),
        complete=added.complete,
    )
