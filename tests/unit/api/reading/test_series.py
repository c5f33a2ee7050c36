"""Steps of equal length over any span."""

import datetime
import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.measurements.totals import Totals
from meshwright.core.store.traffic.pipelines import Key, Window
from meshwright.ui_api.reading.traffic import adding, series

NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
SPANS = st.floats(1.0, 30 * 86400.0)


def windows(count: int, seconds: float = 10.0) -> list[Window]:
    """So many windows before now, newest first."""
    lengths = [datetime.timedelta(seconds=seconds * (index + 1)) for index in range(count)]
    return [Window(seq=count - index, start=NOW - length, seconds=seconds) for index, length in enumerate(lengths)]


@given(SPANS, st.integers(1, series.MAX_POINTS), st.sampled_from([0.5, 1.0, 10.0, 60.0]), st.integers(0, 200))
def test_every_window_is_in_one_step(span: float, points: int, seconds: float, count: int) -> None:
    """There are not more steps than were asked for, but one; together they are as long as all windows."""
    since = NOW - datetime.timedelta(seconds=span)
    within = [window for window in windows(count, seconds) if window.start >= since]
    step = series.step_of(since, NOW, points, within, NOW)
    begin = series.begin_of(since, step)
    result = series.points(begin, NOW, step, {}, within)
    assert len(result) <= points + 1
    assert begin <= since
    assert (since - begin).total_seconds() < step
    assert sum(point.seconds for point in result) == pytest.approx(sum(window.seconds for window in within))
    lengths = {(after.start - before.start).total_seconds() for before, after in itertools.pairwise(result)}
    assert lengths <= {step}


@pytest.mark.parametrize(
    ("minutes", "points", "expected"), [(60, 60, 60.0), (5, 300, 20.0), (1, 60, 20.0), (24 * 60, 60, 1800.0)]
)
def test_steps_are_lengths_that_people_know(minutes: int, points: int, expected: float) -> None:
    """And at least two windows of ten seconds long, so that none is empty because a window came late."""
    since = NOW - datetime.timedelta(minutes=minutes)
    assert series.step_of(since, NOW, points, windows(6), NOW) == expected


@pytest.mark.parametrize(
    ("ago", "hours", "expected"), [(5, 1, 20.0), (7, 1, 60.0), (47, 1, 60.0), (49, 1, 3600.0), (7 * 24, 7 * 24, 3600.0)]
)
def test_steps_of_older_spans_are_as_long_as_what_is_kept_of_them(ago: int, hours: int, expected: float) -> None:
    """Windows for six hours, minutes for two days, hours after that."""
    since = NOW - datetime.timedelta(hours=ago)
    until = since + datetime.timedelta(hours=hours)
    assert series.step_of(since, until, series.MAX_POINTS, windows(6), NOW) == expected


def test_a_step_says_how_long_was_measured() -> None:
    """Its rate counts the seconds that were measured, and a step without any is empty."""
    sums: dict[Key, Totals] = {1: Totals(requests=120, errors=6, latencies={(0.0, 10.0): 120.0})}
    begin = NOW - datetime.timedelta(minutes=3)
    some = [Window(seq=1, start=begin + datetime.timedelta(seconds=70), seconds=10.0)]
    before, point, after = series.points(begin, NOW, 60.0, sums, some)
    assert (point.requests, point.seconds, point.rate, point.error_rate) == (120, 10.0, 12.0, 0.05)
    assert (point.p50_ms, point.p90_ms, point.p99_ms) == (5.0, 9.0, 9.9)
    assert (before.seconds, before.rate, before.p99_ms) == (after.seconds, after.rate, after.p99_ms) == (0.0, 0.0, None)


class Views:
    """A database that counts what it was asked to add up."""

    def __init__(self) -> None:
        self.pages: list[int] = []

    async def traffic(self, workspace: str, mesh: str, page: list[Window], **asked: object) -> dict[int, Totals]:
        """One request per window."""
        self.pages.append(len(page))
        return {0: Totals(requests=len(page))}


async def test_pages_grow_while_they_are_quick_and_add_up_to_everything() -> None:
    """All windows are added once."""
    views = Views()
    added = await adding.add_up(views, "w", "m", windows(3000), by="step", since=NOW)  # type: ignore[arg-type]
    assert added.sums[0].requests == 3000
    assert added.complete
    assert (views.pages[0], max(views.pages)) == (adding.FIRST_PAGE, adding.LARGEST_PAGE)


async def test_what_takes_too_long_is_left_out_and_the_answer_says_so() -> None:
    """The newest is there."""
    views = Views()
    added = await adding.add_up(
        views, "w", "m", windows(100), by="step", since=NOW, within=0.0  # type: ignore[arg-type]
    )  # fmt: skip
    assert (added.complete, added.sums[0].requests, len(added.windows)) == (False, adding.FIRST_PAGE, adding.FIRST_PAGE)
    assert added.windows[0].seq == 100


async def test_roll_ups_and_windows_are_added_in_pages_of_their_own() -> None:
    """They are in different collections."""
    some = windows(10)
    mixed = [*some[:3], *(msgspec.structs.replace(each, key=f"k{each.seq}") for each in some[3:7]), *some[7:]]
    views = Views()
    added = await adding.add_up(views, "w", "m", mixed, by="step", since=NOW)  # type: ignore[arg-type]
    assert (views.pages, added.sums[0].requests) == ([2, 1, 4, 3], 10)
