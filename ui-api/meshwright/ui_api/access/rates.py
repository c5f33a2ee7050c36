"""How often something may be done.

Invariant: for each name at most `burst` times at once, and `per_second` times over a while; names that were not used
lately take no memory.
"""

import time
from collections.abc import Callable


class Rate:
    """What is left of one kind of request, by name."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._step = 1 / per_second
        self._most = burst / per_second
        self._clock = clock
        self._full_at: dict[str, float] = {}
        """when the whole burst of a name is there again"""

    def take(self, name: str = "") -> bool:
        """Whether once more is allowed now; then it counts as done."""
        now = self._clock()
        for other in [other for other, full_at in self._full_at.items() if full_at <= now]:
            del self._full_at[other]
        full_at = self._full_at.get(name, now) + self._step
        if full_at - now > self._most:
            return False
        self._full_at[name] = full_at
        return True
