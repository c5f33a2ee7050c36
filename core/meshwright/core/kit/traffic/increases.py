"""From what processes counted since they began to what they counted between two readings.

Problem: a counter begins anew with its process, a series appears with its first request and may be forgotten by its
proxy, and a process that was away has grown for longer than one window. Invariant: an increase is never negative and
never counted twice; what shrank began anew, so all of it is increase; a process seen for the first time gives nothing,
unless it is known to have begun meanwhile.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from meshwright.core.kit.traffic.series import Buckets, Reading


@dataclass(frozen=True)
class _Taken:
    reading: Reading
    at: float


@dataclass
class Increases:
    """The last readings by process. A reading older than `forget` seconds is not compared with."""

    forget: float
    _taken: dict[str, _Taken] = field(default_factory=dict)

    def begin(self, process: str, at: float) -> None:
        """A process is known to have begun after this time: all that it has counted since is increase."""
        self._taken.setdefault(process, _Taken(Reading(), at))

    def take(self, process: str, reading: Reading, at: float) -> tuple[Reading, float] | None:
        """What it counted since the last reading, and the seconds between; None when there is nothing to compare."""
        before = self._taken.get(process)
        self._taken[process] = _Taken(reading, at)
        if before is None or not 0 < at - before.at <= self.forget:
            return None
        return increase(before.reading, reading), at - before.at

    def keep(self, processes: Collection[str]) -> None:
        """Forget all processes but these."""
        self._taken = {process: taken for process, taken in self._taken.items() if process in processes}


def increase(before: Reading, after: Reading) -> Reading:
    """What each series grew by; those that are gone are left out."""
    return Reading(
        {series: _grown(before.counters.get(series, 0.0), now) for series, now in after.counters.items()},
        {series: _more(before.histograms.get(series, {}), now) for series, now in after.histograms.items()},
    )


def _grown(before: float, after: float) -> float:
    return after - before if after >= before else after


def _more(before: Buckets, after: Buckets) -> Buckets:
    """A histogram of which any bucket shrank began anew."""
    if any(after.get(bound, 0.0) < count for bound, count in before.items()):
        return after
    return {bound: count - before.get(bound, 0.0) for bound, count in after.items()}
