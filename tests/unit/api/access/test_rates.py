"""How often something may be done: a burst, then a pace, for each name."""

from hypothesis import given
from hypothesis import strategies as st

from meshwright.ui_api.access.rates import Rate


class Clock:
    """Time as a test says."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_after_the_burst_comes_the_pace() -> None:
    """Three at once, then one each half second; another name has a burst of its own."""
    clock = Clock()
    rate = Rate(2.0, 3, clock)
    assert [rate.take("a") for _ in range(5)] == [True, True, True, False, False]
    assert rate.take("b")
    clock.now += 0.5
    assert [rate.take("a") for _ in range(2)] == [True, False]
    clock.now += 60
    assert [rate.take("a") for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=60))
def test_never_more_than_burst_and_pace_in_any_time(uses: list[tuple[str, float]]) -> None:
    """Between any two moments: the burst, and what the pace has added."""
    clock = Clock()
    rate = Rate(1.0, 4, clock)
    taken: dict[str, list[float]] = {}
    for name, pause in uses:
        clock.now += pause
        if rate.take(name):
            taken.setdefault(name, []).append(clock.now)
    for times in taken.values():
        for first, begin in enumerate(times):
            for last in range(first, len(times)):
                assert last - first + 1 <= 4 + (times[last] - begin) + 1e-6


def test_names_that_were_not_used_lately_are_forgotten() -> None:
    """However many names there were."""
    clock = Clock()
    rate = Rate(1.0, 2, clock)
    for number in range(100):
        rate.take(str(number))
    clock.now += 5
    rate.take("last")
    assert list(rate._full_at) == ["last"]
