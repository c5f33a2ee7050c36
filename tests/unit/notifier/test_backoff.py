"""When a delivery is tried again."""

import pytest

from meshwright.workers.notifier.backoff import InvalidSchedule, schedule
from meshwright.workers.notifier.main import NotifierSettings


def test_eight_tries_over_some_hours() -> None:
    """By default there are eight tries, each later than the one before, the last after more than two hours."""
    default = schedule(NotifierSettings().webhook_pauses)
    pauses = [default.pause(attempts) for attempts in range(1, 9)]
    assert pauses[7] is None
    waits = [pause for pause in pauses if pause is not None]
    assert waits == sorted(waits)
    assert 2 * 3600 < sum(waits) < 6 * 3600


def test_pauses_are_spread() -> None:
    """Deliveries that failed together do not come back together, and none much too early or late."""
    result = {schedule("10s").pause(1) for _ in range(200)}
    assert len(result) > 100
    assert all(pause is not None and 8 <= pause <= 12 for pause in result)


def test_an_endpoint_may_ask_for_time() -> None:
    """Retry-After is honoured when it is longer, up to a day, and gives no try beyond the last."""
    two = schedule("1s, 1s")
    assert two.pause(1, 60) == 60
    assert (two.pause(1, 0.01) or 0) >= 0.8
    assert two.pause(2, 10**9) == 24 * 3600
    assert two.pause(3, 60) is None
    assert schedule("").pause(1) is None


@pytest.mark.parametrize("text", ["soon", "5", "1s,,x", "-1s"])
def test_a_schedule_that_cannot_be_understood_is_reported(text: str) -> None:
    """A slip in the setting stops the process with a clear word."""
    with pytest.raises(InvalidSchedule, match="as in 250ms"):
        schedule(text)
