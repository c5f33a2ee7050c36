"""A rate limit, of log messages first of all.

Problem: what unauthenticated clients can trigger can be triggered until the disk is full or the bus is busy with it.
Invariant: each key has a burst size and a rate, and what was skipped is counted; at most `_KEYS` keys are remembered.
"""

import time
from dataclasses import dataclass

_KEYS = 1000


@dataclass(slots=True)
class _Account:
    left: float
    as_of: float
    skipped: int = 0


class Allowance:
    """A token bucket per key."""

    def __init__(self, *, burst: float, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._accounts: dict[str, _Account] = {}

    def take(self, key: str = "") -> int | None:
        """The number skipped since the last allowed one; None when this one must be skipped too."""
        now = time.monotonic()
        account = self._accounts.get(key)
        if account is None:
            if len(self._accounts) >= _KEYS:
                del self._accounts[next(iter(self._accounts))]
            account = self._accounts[key] = _Account(self._burst, now)
        account.left = min(self._burst, account.left + (now - account.as_of) * self._per_second)
        account.as_of = now
        if account.left < 1:
            account.skipped += 1
            return None
        account.left -= 1
        skipped, account.skipped = account.skipped, 0
        return skipped
