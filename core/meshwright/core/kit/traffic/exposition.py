"""The text in which proxies tell their statistics to Prometheus.

Problem: a proxy tells thousands of lines, most of which nobody asked for, and reading the labels of a line costs far
more than its value. Invariant: only lines of the wanted metrics are read, and the labels of a line that was there
before are not read again; a value that no counter can have (NaN, infinite, below zero) is left out.
https://prometheus.io/docs/instrumenting/exposition_formats.
"""

import math
import re
from collections.abc import Collection

from prometheus_client.parser import text_string_to_metric_families

from meshwright.core.kit.traffic.series import BUCKET, Reading, Series, series_of

_NAME = re.compile(r"[ \t]*([^\s{]+)")
LARGEST = 32 * 1024 * 1024
"""bytes of one proxy's answer"""


class InvalidExposition(ValueError):
    """What a proxy answered is not this format."""


class Exposition:
    """Reads the answers of one proxy, one after another. `counters` and `histograms` are the wanted metrics."""

    def __init__(self, counters: Collection[str], histograms: Collection[str]) -> None:
        self._wanted = frozenset([*counters, *(name + BUCKET for name in histograms)])
        self._known: dict[str, tuple[Series, float | None]] = {}

    def read(self, answer: bytes) -> Reading:
        """The values of the wanted metrics. Raises InvalidExposition."""
        reading, known = Reading(), dict[str, tuple[Series, float | None]]()
        for line in answer.decode("utf-8", "replace").split("\n"):
            name = _NAME.match(line)
            if name is None or name[1] not in self._wanted:
                continue
            end = line.rfind("}") + 1 or name.end()
            head = line[:end]
            series, bound = known[head] = self._known.get(head) or _parsed(head)
            value = _value(line[end:], line)
            if not 0 <= value < math.inf:
                continue
            if bound is None:
                reading.counters[series] = value
            else:
                reading.histograms.setdefault(series, {})[bound] = value
        self._known = known
        return reading


def _parsed(head: str) -> tuple[Series, float | None]:
    """The series of a line without its value."""
    try:
        sample = next(each for family in text_string_to_metric_families(f"{head} 0\n") for each in family.samples)
        return series_of(sample.name, sample.labels)
    except (ValueError, IndexError, StopIteration) as error:
        raise InvalidExposition(f"this line cannot be read: {head[:300]}") from error


def _value(rest: str, line: str) -> float:
    try:
        return float(rest.split()[0])
    except (ValueError, IndexError) as error:
        raise InvalidExposition(f"this line has no value: {line[:300]}") from error
