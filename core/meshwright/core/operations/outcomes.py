"""The outcomes of a handler, chosen by exception type.

    Outcome
    ├── Retry       try again later; the cause may be temporary
    ├── Reject      a retry would fail too: fail now, undo, report why
    ├── Cancelled   a user requested cancellation
    └── Fenced      another worker has taken the operation over: stop at once and publish nothing

Anything else that a handler raises is retried with growing pauses and then dead-lettered. Invariant: handlers
never touch acknowledgements; the host maps these outcomes to them.
"""

from meshwright.schemas.errors import Failure


class Outcome(Exception):
    """Base class of all exceptions that a handler raises to choose an outcome."""


class Retry(Outcome):
    """Retry after `after` seconds; `failure` has the reason."""

    def __init__(self, after: float, failure: Failure) -> None:
        super().__init__(failure.what)
        self.after = after
        self.failure = failure


class Reject(Outcome):
    """Fail now: another attempt would fail the same way."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


class Cancelled(Outcome):
    """Stop because a user requested it; completed steps are undone."""


class Fenced(Outcome):
    """Another worker has appended in this one's place: this worker is a zombie and must not act."""


class StepOrderError(Exception):
    """A handler used one step name twice in an attempt, so its history would be ambiguous."""


def as_failure(error: BaseException) -> Failure:
    """The failure to show for an exception."""
    if isinstance(error, (Retry, Reject)):
        return error.failure
    return Failure(
        code="MW1000",
        what=f"{type(error).__name__}: {error}",
        cause="Unhandled exception in the adapter.",
        remedy="Read the worker's log under the operation's trace id; then retry the operation.",
        retryable=True,
    )
