"""What the events of an operation amount to: the memory from which a worker goes on where another one stopped."""

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.operations.journal import OperationHistory
from meshwright.schemas import catalog
from meshwright.schemas import operations as ops
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure

FAILURE = Failure(code="X1", what="it failed")
steps = st.sampled_from(["a", "b", "c"])
events: st.SearchStrategy[Message] = st.one_of(
    st.builds(ops.OperationStarted, worker=st.just("w"), adapter_version=st.just("1.0.0"), attempt=st.integers(1, 9)),
    st.builds(ops.OperationQueued, worker=st.just("w"), interrupted=st.booleans()),
    st.builds(ops.StepStarted, step=steps, attempt=st.just(1)),
    st.builds(ops.StepCompleted, step=steps, attempt=st.integers(0, 2), result=st.integers()),
    st.builds(ops.StepFailed, step=steps, attempt=st.just(1), failure=st.just(FAILURE)),
    st.builds(ops.OperationUndoing, worker=st.just("w"), end=st.just("failed")),
    st.builds(ops.StepUndone, step=steps),
    st.builds(ops.OperationProgressed, message=st.just("on it")),
    st.builds(ops.OperationFailed, failure=st.just(FAILURE)),
)


def told(*messages: Message) -> OperationHistory:
    """The history of these events."""
    history = OperationHistory()
    for message in messages:
        history.learn(message, message.wire.name)
    return history


def attempt(number: int) -> ops.OperationStarted:
    """The beginning of an attempt."""
    return ops.OperationStarted(worker="w", adapter_version="1.0.0", attempt=number)


def done(step: str, number: int = 1) -> tuple[Message, Message]:
    """A step that was begun and completed."""
    return ops.StepStarted(step=step, attempt=number), ops.StepCompleted(step=step, attempt=number, result=step)


@given(st.lists(events, max_size=30))
def test_it_holds_together_whatever_was_reported(messages: list[Message]) -> None:
    """Completed steps were begun; what stands was begun and not undone, once each; the first end never goes away."""
    history = told(*messages)
    assert set(history.completed) <= set(history.begun)
    assert len(history.begun) == len(set(history.begun))
    assert set(history.not_undone) == set(history.begun) - history.undone
    assert history.stalled_attempts >= 0
    assert history.stalled_undos <= sum(isinstance(message, ops.OperationUndoing) for message in messages)
    assert bool(history.end) == any(message.wire.name in catalog.TERMINAL_TYPES for message in messages)


@given(st.lists(events, max_size=20), st.lists(events, max_size=20))
def test_reading_in_two_pieces_is_reading_once(first: list[Message], second: list[Message]) -> None:
    """A worker that reads the history in two parts has the same state as one that reads it at once."""
    history = told(*first)
    for message in second:
        history.learn(message, message.wire.name)
    assert history == told(*first, *second)


def test_attempts_that_complete_a_step_bear_fruit() -> None:
    """Only attempts in a row without any completed step count as stalled_attempts."""
    assert told(attempt(1), attempt(2)).stalled_attempts == 2
    assert told(attempt(1), *done("a"), attempt(2)).stalled_attempts == 1
    assert told(attempt(1), attempt(2), *done("a", 2)).stalled_attempts == 0


def test_an_interruption_is_no_failure() -> None:
    """An attempt that a shutdown interrupted is not counted; one that only waits is."""
    interrupted = ops.OperationQueued(worker="w", interrupted=True)
    assert told(attempt(1), interrupted, attempt(2), interrupted).stalled_attempts == 0
    assert told(attempt(1), ops.OperationQueued(worker="w"), attempt(2)).stalled_attempts == 2
    assert told(interrupted).stalled_attempts == 0


def test_what_stands_is_undone_in_reverse_of_its_order() -> None:
    """Steps keep the order in which they began, and those that were undone stand no more."""
    history = told(attempt(1), *done("a"), *done("b"), ops.StepStarted(step="c", attempt=1), ops.StepUndone(step="b"))
    assert history.not_undone == ["a", "c"]


def test_undoing_that_gets_nowhere_is_counted() -> None:
    """Each beginning of undoing counts until one undoes a step."""
    undoing = ops.OperationUndoing(worker="w", end="failed", failure=FAILURE)
    assert told(undoing, undoing).stalled_undos == 2
    assert told(undoing, undoing, ops.StepUndone(step="a")).stalled_undos == 0
    assert told(undoing).undoing == undoing
