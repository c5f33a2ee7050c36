"""The rate limit on log messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.telemetry.allowance import Allowance


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time, to be set."""
    now = [1000.0]
    monkeypatch.setattr("meshwright.core.telemetry.allowance.time.monotonic", lambda: now[0])
    return now


def test_a_burst_is_reported_and_the_rest_is_counted(clock: list[float]) -> None:
    """After the burst no message is logged until time has passed, and then the number of skipped ones, once."""
    lines = Allowance(burst=3, per_second=0.5)
    assert [lines.take() for _ in range(7)] == [0, 0, 0, None, None, None, None]
    clock[0] += 1.9
    assert lines.take() is None
    clock[0] += 0.2
    assert lines.take() == 5
    assert lines.take() is None
    clock[0] += 1000
    assert [lines.take() for _ in range(4)] == [1, 0, 0, None]


def test_keys_do_not_use_up_each_others_share(clock: list[float]) -> None:
    """A key at its limit does not affect another."""
    lines = Allowance(burst=1, per_second=1)
    assert [lines.take("a"), lines.take("a"), lines.take("b")] == [0, None, 0]


def test_only_so_many_keys_are_remembered(clock: list[float]) -> None:
    """Ever new keys do not grow the process."""
    lines = Allowance(burst=1, per_second=1)
    for number in range(5000):
        assert lines.take(str(number)) == 0
    assert len(lines._accounts) <= 1000


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 3)), max_size=60))
def test_never_more_than_burst_and_rate_in_any_time(uses: list[tuple[str, float]]) -> None:
    """Between any two moments a key gets its burst and what the rate has added, whatever others take."""
    now, taken = 1000.0, dict[str, list[float]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("meshwright.core.telemetry.allowance.time.monotonic", lambda: now)
        allowance = Allowance(burst=4, per_second=1)
        for key, pause in uses:
            now += pause
            if allowance.take(key) is not None:
                taken.setdefault(key, []).append(now)
    for times in taken.values():
        for first, begin in enumerate(times):
            for number, end in enumerate(times[first:], 1):
                assert number <= 4 + (end - begin) + 1e-6
