"""The schedule of retries.

Problem: many deliveries that failed together would all be retried together. Invariant: a pause is the schedule's for
that attempt, plus or minus a fifth; an endpoint that sends Retry-After is not called before that time, within a day.
"""

import random

import msgspec

from meshwright.schemas.base import seconds

_LONGEST_RETRY_AFTER = 24 * 3600.0
_SPREAD = 0.2


class InvalidSchedule(Exception):
    """The pauses cannot be parsed."""


class Schedule(msgspec.Struct, frozen=True):
    """The pauses between attempts, in seconds: there is one attempt more than pauses."""

    pauses: tuple[float, ...]

    def pause(self, attempts: int, retry_after: float = 0.0) -> float | None:
        """Seconds until the next attempt after `attempts` of them, or None when there is none left.

        `retry_after` is the endpoint's Retry-After.
        """
        if attempts > len(self.pauses):
            return None
        jitter = random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - not a secret
        return max(self.pauses[attempts - 1] * jitter, min(retry_after, _LONGEST_RETRY_AFTER))


def schedule(text: str) -> Schedule:
    """The schedule from durations separated by commas.

    Raises InvalidSchedule.
    """
    try:
        return Schedule(tuple(seconds(word.strip()) for word in text.split(",") if word.strip()))
    except ValueError as error:
        raise InvalidSchedule(f"MESHWRIGHT_WEBHOOK_PAUSES: {error}") from error
