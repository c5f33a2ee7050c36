"""How a handler ends, chosen by type.

    Outcome
    ├── Retry       try again after a while; time may mend it
    ├── Reject      it will never work like this: fail now, undo, tell why
    ├── Cancelled   a person asked to stop
    └── Fenced      another worker has taken the operation over: stop at once and say nothing

Anything else that a handler raises is retried with growing pauses and then dead-lettered. Invariant: handlers
never touch acknowledgements; the host maps these outcomes to them.
"""

from meshwright.schemas.errors import Failure


class Outcome(Exception):
    """The common part of everything that a handler may raise on purpose."""


class Retry(Outcome):
    """Retry after `after` seconds; `failure` has the reason."""

    def __init__(self, after: float, failure: Failure) -> None:
        super().__init__(failure.what)
        self.after = after
        self.failure = failure


class Reject(Outcome):
    """Fail now: another try would end the same way."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.what)
        self.failure = failure


class Cancelled(Outcome):
    """Stop because a person asked; completed steps are undone."""


class Fenced(Outcome):
    """Another worker's event stands where ours should: this one is a zombie and must not act."""


class StepOrderError(Exception):
    """A handler used one step name twice in an attempt, so its history would be ambiguous."""


def as_failure(error: BaseException) -> Failure:
    """The failure that an exception amounts to, for people."""
    if isinstance(error, (Retry, Reject)):
        return error.failure
    return Failure(
        code="MW1000",
        what=f"{type(error).__name__}: {error}",
        cause="An exception that the adapter does not handle.",
        remedy="Read the worker's log under the operation's trace id; then retry the operation.",
        retryable=True,
    )
