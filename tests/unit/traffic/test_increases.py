"""Increases between readings: nothing negative, nothing twice, whatever restarts, appears or is missing."""

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.kit.traffic.increases import Increases, increase
from meshwright.core.kit.traffic.series import Reading, Series

SERIES = [Series("requests_total", (("to", name),)) for name in "abc"]
DURATIONS = [Series("duration", (("to", name),)) for name in "ab"]
COUNTERS = st.dictionaries(st.sampled_from(SERIES), st.integers(0, 1000).map(float), max_size=3)
BUCKETS = st.lists(st.integers(0, 50), min_size=3, max_size=3).map(
    lambda counts: {1.0: float(counts[0]), 10.0: float(sum(counts[:2])), 100.0: float(sum(counts))}
)
READINGS = st.builds(Reading, COUNTERS, st.dictionaries(st.sampled_from(DURATIONS), BUCKETS, max_size=2))


def added(one: Reading, more: Reading) -> Reading:
    """A reading after more was counted."""
    counters = {series: one.counters.get(series, 0.0) + more.counters.get(series, 0.0) for series in SERIES}
    durations = {}
    for series in one.histograms.keys() | more.histograms.keys():
        parts = [each.histograms.get(series, {}) for each in (one, more)]
        durations[series] = {bound: sum(part.get(bound, 0.0) for part in parts) for bound in (1.0, 10.0, 100.0)}
    return Reading(counters, durations)


@given(READINGS, READINGS)
def test_increase_is_what_came_between(before: Reading, between: Reading) -> None:
    """Also of series that are told for the first time."""
    grown = increase(before, added(before, between))
    assert {series: value for series, value in grown.counters.items() if value} == {
        series: value for series, value in between.counters.items() if value
    }
    for series, buckets in between.histograms.items():
        assert grown.histograms[series] == buckets


@given(READINGS, READINGS)
def test_increase_is_never_negative(before: Reading, after: Reading) -> None:
    """Whatever two readings say; and what shrank began anew."""
    grown = increase(before, after)
    assert all(0 <= value <= after.counters[series] for series, value in grown.counters.items())
    for series, buckets in grown.histograms.items():
        assert all(0 <= count <= after.histograms[series][bound] for bound, count in buckets.items())


@given(st.lists(st.tuples(READINGS, st.booleans()), min_size=1, max_size=8))
def test_all_that_a_process_counts_is_counted_once(windows: list[tuple[Reading, bool]]) -> None:
    """Over any number of windows, where some counts begin anew under another identity of the process."""
    increases = Increases(forget=100.0)
    increases.begin("p0", 0.0)
    total, told, process = Reading(), Reading(), 0
    for at, (more, restarts) in enumerate(windows, 1):
        if restarts:
            process, told = process + 1, Reading()
            increases.begin(f"p{process}", at - 0.5)
        told = added(told, more)
        taken = increases.take(f"p{process}", told, float(at))
        assert taken is not None
        total = added(total, taken[0])
        increases.keep([f"p{process}"])
    expected = Reading()
    for more, _ in windows:
        expected = added(expected, more)
    assert total == expected


def test_first_reading_gives_nothing() -> None:
    """What was counted before anybody looked may be days old."""
    increases = Increases(forget=100.0)
    assert increases.take("p", Reading({SERIES[0]: 1000.0}), 1.0) is None
    assert increases.take("p", Reading({SERIES[0]: 1010.0}), 11.0) == (Reading({SERIES[0]: 10.0}), 10.0)


def test_a_reading_too_long_ago_is_not_compared_with() -> None:
    """A proxy that was away for long has grown by more than a window's traffic."""
    increases = Increases(forget=25.0)
    increases.take("p", Reading({SERIES[0]: 1.0}), 1.0)
    assert increases.take("p", Reading({SERIES[0]: 500.0}), 100.0) is None
    assert increases.take("p", Reading({SERIES[0]: 501.0}), 110.0) == (Reading({SERIES[0]: 1.0}), 10.0)


def test_silence_of_one_window_loses_nothing() -> None:
    """The next answer has it all, over the time since the last one."""
    increases = Increases(forget=25.0)
    increases.take("p", Reading({SERIES[0]: 1.0}), 0.0)
    assert increases.take("p", Reading({SERIES[0]: 41.0}), 20.0) == (Reading({SERIES[0]: 40.0}), 20.0)


def test_a_counter_that_shrank_began_again() -> None:
    """Although its process is said to be the same: what the new one has counted is the increase."""
    before, after = Reading({SERIES[0]: 100.0, SERIES[1]: 5.0}), Reading({SERIES[0]: 3.0, SERIES[1]: 6.0})
    assert increase(before, after).counters == {SERIES[0]: 3.0, SERIES[1]: 1.0}


def test_a_histogram_that_shrank_in_one_bucket_began_again_as_a_whole() -> None:
    """Buckets of two processes are never mixed."""
    before = Reading({}, {DURATIONS[0]: {1.0: 5.0, 10.0: 6.0, 100.0: 6.0}})
    after = Reading({}, {DURATIONS[0]: {1.0: 2.0, 10.0: 9.0, 100.0: 9.0}})
    assert increase(before, after).histograms == after.histograms


def test_a_series_that_is_gone_is_left_out() -> None:
    """A proxy forgets what it has not counted for long; should it come back, it counts from zero."""
    increases = Increases(forget=100.0)
    increases.take("p", Reading({SERIES[0]: 50.0, SERIES[1]: 1.0}), 0.0)
    assert increases.take("p", Reading({SERIES[1]: 2.0}), 10.0) == (Reading({SERIES[1]: 1.0}), 10.0)
    assert increases.take("p", Reading({SERIES[0]: 4.0, SERIES[1]: 2.0}), 20.0) == (
        Reading({SERIES[0]: 4.0, SERIES[1]: 0.0}),
        10.0,
    )
