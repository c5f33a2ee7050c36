"""What a process counts, as Prometheus reads it: held against a reader of the text format of this test's own."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.telemetry.metrics import SECONDS, Registry

Sample = tuple[str, tuple[tuple[str, str], ...]]
_LINE = re.compile(r"(?P<name>[a-z_]+)(\{(?P<labels>.*)\})? (?P<value>\S+)\Z")
_LABEL = re.compile(r'(?P<name>[a-z]+)="(?P<value>(?:[^"\\]|\\.)*)"(?:,|\Z)')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}
labels = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.integers(0, 2**40) | st.floats(0, 1e9, allow_subnormal=False)


def read(text: str) -> dict[Sample, float]:
    """The samples in a text; every line must be one or a comment."""
    assert text.endswith("\n")
    result: dict[Sample, float] = {}
    for line in text[:-1].split("\n"):
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = _LINE.match(line)
        assert match, line
        pairs = [
            (one["name"], re.sub(r"\\.", lambda escape: _ESCAPES[escape[0]], one["value"]))
            for one in _LABEL.finditer(match["labels"] or "")
        ]
        place = (match["name"], tuple(pairs))
        assert place not in result, line
        result[place] = float(match["value"])
    return result


@given(st.lists(st.tuples(labels, labels, numbers), max_size=20))
def test_every_series_is_read_as_it_was_counted(counts: list[tuple[str, str, float]]) -> None:
    """Whatever the label values hold, each series is one line, and its number is not rounded."""
    registry = Registry()
    counter = registry.counter("things_total", "Things", "kind", "end")
    model: dict[Sample, float] = {}
    for kind, end, by in counts:
        counter.add(kind, end, by=by)
        place = ("things_total", (("kind", kind), ("end", end)))
        model[place] = model.get(place, 0) + by
    assert read(registry.text()) == model


def test_a_large_counter_still_shows_each_step() -> None:
    """The ten-millionth message changes the text; a rate over rounded numbers would be nought and then a jump."""
    registry = Registry()
    counter = registry.counter("messages_total", "Messages")
    counter.add(by=12_345_678)
    before = registry.text()
    counter.add()
    assert read(before) == {("messages_total", ()): 12_345_678}
    assert read(registry.text()) == {("messages_total", ()): 12_345_679}


@given(st.lists(st.floats(0, 100) | st.sampled_from(SECONDS), max_size=30))
def test_a_histogram_counts_up_to_each_bound(values: list[float]) -> None:
    """Buckets grow towards infinity, where they hold everything; a value at a bound counts as within it."""
    registry = Registry()
    histogram = registry.histogram("took_seconds", "Time", "route")
    for value in values:
        histogram.observe("r", value=value)
    result = read(registry.text())
    for bound in (*SECONDS, math.inf) if values else ():
        name = "+Inf" if bound == math.inf else str(bound)
        place = ("took_seconds_bucket", (("route", "r"), ("le", name)))
        assert result[place] == sum(value <= bound for value in values)
    if values:
        assert result["took_seconds_count", (("route", "r"),)] == len(values)
        assert result["took_seconds_sum", (("route", "r"),)] == pytest.approx(sum(values))
    else:
        assert result == {}


def test_a_gauge_goes_up_and_down_and_says_what_it_is() -> None:
    """Each metric is announced with its kind before its series; a gauge keeps its last value."""
    registry = Registry()
    counter = registry.counter("a_total", "As")
    counter.add()
    gauge = registry.gauge("b", "Bs", "x")
    gauge.set("1", to=5)
    gauge.set("1", to=0.25)
    assert registry.text().splitlines() == [
        "# HELP a_total As", "# TYPE a_total counter", "a_total 1",
        "# HELP b Bs", "# TYPE b gauge", 'b{x="1"} 0.25',
    ]  # fmt: skip
    assert registry.counters == [counter, gauge]
