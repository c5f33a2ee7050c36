"""Time series as proxies and Prometheus have them: counters, and histograms of cumulative buckets.

Invariant: a series is known by its name and all its labels, whatever their order; a histogram is one series, so that
its buckets are never judged apart from each other.
"""

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
Buckets: TypeAlias = dict[float, float]
"""Samples at or below each bound."""
BUCKET = "_bucket"
BOUND = "le"


class Series(NamedTuple):
    """A counter by its name, or a histogram by its name without `_bucket`."""

    name: str
    labels: Labels


@dataclass
class Reading:
    """The values of series at one time, or what they grew by between two."""

    counters: dict[Series, float] = field(default_factory=dict)
    histograms: dict[Series, Buckets] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.counters or self.histograms)


def series_of(name: str, labels: dict[str, str]) -> tuple[Series, float | None]:
    """The series of a sample, and its bound where it is a bucket. Raises ValueError for a bound that is no number."""
    bound = labels.get(BOUND)
    if bound is None or not name.endswith(BUCKET):
        return Series(name, tuple(sorted(labels.items()))), None
    rest = tuple(sorted(each for each in labels.items() if each[0] != BOUND))
    return Series(name.removesuffix(BUCKET), rest), float(bound)
