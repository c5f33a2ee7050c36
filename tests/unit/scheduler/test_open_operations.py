"""The operations whose deadlines are watched: pure bookkeeping, held against a plain model."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from meshwright.workers.scheduler.open_operations import OpenOperations, Snapshot

names = st.sampled_from([f"op{number}" for number in range(6)])
changes = st.lists(
    st.tuples(st.just("accepted"), names, st.integers(0, 50)) | st.tuples(st.just("ended"), names, st.just(0)),
    max_size=60,
)


def moment(seconds: int) -> datetime.datetime:
    """So many seconds after the epoch."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)


def played(told: list[tuple[str, str, int]]) -> tuple[OpenOperations, dict[str, int]]:
    """The bookkeeping and the model after these changes."""
    result, model = OpenOperations(Snapshot()), {}
    for what, name, deadline in told:
        if what == "accepted":
            result.accepted("default", name, moment(deadline))
            model[name] = deadline
        else:
            result.ended(name)
            model.pop(name, None)
    return result, model


@given(changes, st.integers(0, 50))
def test_due_is_what_is_open_and_late(told: list[tuple[str, str, int]], now: int) -> None:
    """Exactly what has not ended and whose deadline has passed is due, each once, however often asked."""
    result, model = played(told)
    late = sorted(name for name, deadline in model.items() if deadline <= now)
    for _ in range(2):
        assert sorted(one.operation for one in result.due(now)) == late
    assert len(result) == len(model)


@given(changes, changes, st.integers(0, 50))
def test_a_snapshot_goes_on_as_the_original(
    before: list[tuple[str, str, int]], after: list[tuple[str, str, int]], now: int
) -> None:
    """What continues from a snapshot knows what the one knows that never stopped."""
    original, _ = played(before)
    original.seq = 7
    copy = OpenOperations(original.snapshot())
    assert copy.seq == 7
    for what, name, deadline in after:
        for one in (original, copy):
            one.accepted("default", name, moment(deadline)) if what == "accepted" else one.ended(name)
    assert sorted(each.operation for each in copy.due(now)) == sorted(each.operation for each in original.due(now))


def test_ended_operations_do_not_pile_up() -> None:
    """A long life with few open operations at a time keeps its heap small."""
    result = OpenOperations(Snapshot())
    for number in range(5000):
        result.accepted("default", f"op{number}", moment(1000))
        result.ended(f"op{number}")
    assert len(result) == 0
    assert len(result._heap) <= 1001
