"""When to try again.

Problem: many deliveries that failed together would all come back together. Invariant: a pause is the schedule's for
that try, give or take a fifth; an endpoint that names a time itself is not called before it, within a day.
"""

import random

import msgspec

from meshwright.schemas.base import seconds

_LONGEST_RETRY_AFTER = 24 * 3600.0
_SPREAD = 0.2


class InvalidSchedule(Exception):
    """The pauses cannot be understood."""


class Schedule(msgspec.Struct, frozen=True):
    """The pauses between tries, in seconds: one try more than pauses."""

    pauses: tuple[float, ...]

    def pause(self, attempts: int, retry_after: float = 0.0) -> float | None:
        """Seconds until the next try after `attempts` of them, or None when there is none left.

        `retry_after` is how long the endpoint asked to be left alone (Retry-After).
        """
        if attempts > len(self.pauses):
            return None
        jitter = random.uniform(1 - _SPREAD, 1 + _SPREAD)  # noqa: S311 - not a secret
        return max(self.pauses[attempts - 1] * jitter, min(retry_after, _LONGEST_RETRY_AFTER))


def schedule(text: str) -> Schedule:
    """The schedule written as durations with commas between them.

    Raises InvalidSchedule.
    """
    try:
        return Schedule(tuple(seconds(word.strip()) for word in text.split(",") if word.strip()))
    except ValueError as error:
        raise InvalidSchedule(f"MESHWRIGHT_WEBHOOK_PAUSES: {error}") from error
