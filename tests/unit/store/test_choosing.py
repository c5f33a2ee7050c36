"""Which rows are read for a span: every window of it once, whatever is rolled up, and how far."""

import datetime
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.measurements.resolutions import HOURS, MINUTES, RESOLUTIONS
from meshwright.core.store.traffic.choosing import RolledUp, chosen, is_in
from meshwright.core.store.traffic.pipelines import Window

BEGIN = datetime.datetime(2026, 1, 1, 9, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)
LENGTH = 3 * 3600
MOMENTS = st.integers(0, LENGTH)


def window(seq: int, start: int) -> Window:
    """A window that began so many seconds after the beginning, stored as the stream's `seq`."""
    return Window(seq=seq, start=BEGIN + start * SECOND, seconds=10.0, time=BEGIN + (LENGTH + seq) * SECOND)


def rolled_up(windows: Sequence[Window], upto: int, parts: int) -> list[RolledUp]:
    """The rows of all spans, with the windows up to that sequence."""
    spans: dict[tuple[int, datetime.datetime], list[Window]] = {}
    for each in windows:
        if each.seq <= upto:
            for resolution in RESOLUTIONS:
                spans.setdefault((resolution.seconds, resolution.begin(each.start)), []).append(each)
    return [
        RolledUp(
            workspace="w", mesh="m", resolution=seconds, start=start, part=part, seq=within[-1].seq,
            time=within[-1].time or BEGIN, seconds=0.0 if part else sum(each.seconds for each in within),
        )
        for (seconds, start), within in spans.items()
        for part in range(parts)
    ]  # fmt: skip


@given(
    st.lists(MOMENTS, max_size=60),
    st.integers(0, 60),
    st.one_of(st.none(), MOMENTS),
    st.one_of(st.none(), MOMENTS),
    st.sampled_from([None, 10.0, 60.0, 300.0, 3600.0]),
    st.integers(1, 2),
)
def test_every_window_of_a_span_is_counted_once(
    starts: list[int], upto: int, since: int | None, until: int | None, step: float | None, parts: int
) -> None:
    """In any order of arrival, with roll-ups that are behind, from any moment to any other."""
    begin = None if since is None else BEGIN + since * SECOND
    end = None if until is None else BEGIN + until * SECOND
    everything = [window(seq, start) for seq, start in enumerate(starts, 1)]
    rows = {row.key: row for row in rolled_up(everything, upto, parts)}
    within = [
        each for each in everything if (begin is None or each.start >= begin) and (end is None or each.start < end)
    ]
    result = chosen(within, list(rows.values()), since=begin, until=end, step=step)
    counted: list[int] = []
    for each in result:
        if not each.key:
            counted.append(each.seq)
        elif rows[each.key].part == 0:
            row = rows[each.key]
            counted += [one.seq for one in everything if row.start <= one.start < row.end and is_in(one, row.position)]
            if step is not None:
                assert step % row.resolution == 0
    assert sorted(counted) == sorted(each.seq for each in within)
    assert [each.start for each in result] == sorted((each.start for each in result), reverse=True)
    assert sum(each.seconds for each in result) == sum(each.seconds for each in within)


def _rows(**changed: Any) -> list[RolledUp]:
    windows = [window(seq, 60 * seq) for seq in range(180)]
    rows = rolled_up(windows, 180, 2)
    return [row if row.part == 0 else RolledUp(**{**_fields(row), **changed}) for row in rows]


def _fields(row: RolledUp) -> dict[str, Any]:
    return {name: getattr(row, name) for name in RolledUp.__struct_fields__}


def test_hours_are_taken_first_and_then_minutes() -> None:
    """Of two hours from the middle of a minute: its rest, minutes, an hour, minutes, and a part of one again."""
    windows = [window(seq, 10 * seq) for seq in range(1080)]
    since, until = BEGIN + 1830 * SECOND, BEGIN + (1830 + 7200) * SECOND
    within = [each for each in windows if since <= each.start < until]
    result = chosen(within, rolled_up(windows, 1080, 1), since=since, until=until, step=None)
    hours = sum(each.key.split("/")[2:3] == [str(HOURS.seconds)] for each in result)
    minutes = sum(each.key.split("/")[2:3] == [str(MINUTES.seconds)] for each in result)
    assert (hours, minutes, len(result)) == (1, 29 + 30, 1 + 29 + 30 + 6)


def test_a_roll_up_of_which_a_row_is_behind_is_left_alone() -> None:
    """Its other rows were written, this one not yet: the windows themselves are counted."""
    windows = [window(seq, 60 * seq) for seq in range(180)]
    assert all(each.key for each in chosen(windows, _rows(), since=None, until=None, step=None))
    assert not any(each.key for each in chosen(windows, _rows(seq=-1), since=None, until=None, step=None))


def test_a_stream_that_was_made_again_gives_its_sequences_out_again() -> None:
    """What it stored later is not in the roll-up, though its sequence is lower."""
    old = rolled_up([window(500, 0)], 500, 1)
    again = Window(seq=3, start=BEGIN + 10 * SECOND, seconds=10.0, time=BEGIN + 10 * LENGTH * SECOND)
    assert [each.seq for each in chosen([again], old, since=None, until=None, step=None)] == [3, 500]
