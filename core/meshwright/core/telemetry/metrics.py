"""Metrics in Prometheus' text format, version 0.0.4, for a process with one event loop.

Problem: counting on a hot path must cost well under a microsecond. Invariant: a series is a number in a dict keyed by
its label values; names and labels are declared, never made from user input.

https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""the upper bounds of a histogram of durations"""
Labels = tuple[str, ...]


class Counter:
    """A number that only grows, per combination of label values."""

    kind = "counter"

    def __init__(self, name: str, help: str, labels: Labels) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self.values: dict[Labels, float] = {}

    def add(self, *labels: str, by: float = 1) -> None:
        """Add `by` to a series."""
        self.values[labels] = self.values.get(labels, 0) + by

    def lines(self) -> Iterator[str]:
        """The series in the text format."""
        for labels, value in sorted(self.values.items()):
            yield f"{self.name}{_braces(self.labels, labels)} {value}"


class Gauge(Counter):
    """A number that goes up and down."""

    kind = "gauge"

    def set(self, *labels: str, to: float) -> None:
        """Set the current value."""
        self.values[labels] = to


class Histogram:
    """A distribution of durations or sizes, counted per upper bound."""

    kind = "histogram"

    def __init__(self, name: str, help: str, labels: Labels, bounds: Sequence[float]) -> None:
        self.name = name
        self.help = help
        self.labels = labels
        self._bounds = tuple(bounds)
        self._counts: dict[Labels, list[int]] = {}
        self._sums: dict[Labels, float] = {}

    def observe(self, *labels: str, value: float) -> None:
        """Count one value, in seconds for a duration."""
        counts = self._counts.get(labels)
        if counts is None:
            counts = self._counts[labels] = [0] * (len(self._bounds) + 1)
        counts[bisect_left(self._bounds, value)] += 1
        self._sums[labels] = self._sums.get(labels, 0.0) + value

    def lines(self) -> Iterator[str]:
        """The series in the text format."""
        names = (*self.labels, "le")
        for labels, counts in sorted(self._counts.items()):
            total = 0
            for bound, count in zip((*map(str, self._bounds), "+Inf"), counts, strict=True):
                total += count
                yield f"{self.name}_bucket{_braces(names, (*labels, bound))} {total}"
            yield f"{self.name}_sum{_braces(self.labels, labels)} {self._sums[labels]}"
            yield f"{self.name}_count{_braces(self.labels, labels)} {total}"


class Registry:
    """The metrics of one process."""

    def __init__(self) -> None:
        self._metrics: list[Counter | Histogram] = []

    def counter(self, name: str, help: str, *labels: str) -> Counter:
        """Declare a counter; its name ends in `_total`."""
        self._metrics.append(made := Counter(name, help, labels))
        return made

    def gauge(self, name: str, help: str, *labels: str) -> Gauge:
        """Declare a gauge."""
        self._metrics.append(made := Gauge(name, help, labels))
        return made

    def histogram(self, name: str, help: str, *labels: str, bounds: Sequence[float] = SECONDS) -> Histogram:
        """Declare a histogram."""
        self._metrics.append(made := Histogram(name, help, labels, bounds))
        return made

    @property
    def counters(self) -> list[Counter]:
        """The counters and gauges."""
        return [metric for metric in self._metrics if isinstance(metric, Counter)]

    def text(self) -> str:
        """All metrics in Prometheus' text format."""
        lines = []
        for metric in self._metrics:
            lines += [f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}", *metric.lines()]
        return "\n".join(lines) + "\n"


def _braces(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
