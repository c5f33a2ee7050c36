"""What a proxy tells is read as Prometheus reads it, and nothing but the wanted metrics is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from meshwright.core.kit.traffic import exposition
from meshwright.core.kit.traffic.exposition import Exposition, InvalidExposition
from meshwright.core.kit.traffic.series import Series

VALUES = st.text(max_size=12).filter(lambda text: "\r" not in text) | st.sampled_from(
    ["", "}", '"', "\\", "a,b", "\n", "x=1", "{", "outbound|80|v1|a.b.svc", "é", "\u2028", "\x85", " }", "# TYPE"]
)
AMOUNTS = st.integers(0, 2**40) | st.floats(0, 1e12)


def reader() -> Exposition:
    """For the metrics of these tests."""
    return Exposition(["requests_total"], ["duration"])


@given(st.dictionaries(st.tuples(VALUES, VALUES), AMOUNTS, max_size=6))
def test_every_label_and_value_survives(amounts: dict[tuple[str, str], float]) -> None:
    """What Prometheus' own library writes is what we read."""
    registry = CollectorRegistry()
    counter = Counter("requests_total", "How many.\nMore.", ["to", "by"], registry=registry)
    for (to, by), amount in amounts.items():
        counter.labels(to, by).inc(amount)
    reading = reader().read(generate_latest(registry))
    expected = {Series("requests_total", (("by", by), ("to", to))): amount for (to, by), amount in amounts.items()}
    assert reading.counters == expected


@given(st.lists(st.floats(0, 100), max_size=20), VALUES)
def test_a_histogram_is_one_series(samples: list[float], to: str) -> None:
    """Its buckets by their bounds, cumulative; its sum and count are not needed."""
    registry = CollectorRegistry()
    histogram = Histogram("duration", "How long.", ["to"], registry=registry, buckets=[1, 10, 50])
    for sample in samples:
        histogram.labels(to).observe(sample)
    reading = reader().read(generate_latest(registry))
    expected = {bound: sum(sample <= bound for sample in samples) for bound in (1, 10, 50, math.inf)}
    assert not reading.counters
    assert reading.histograms == ({Series("duration", (("to", to),)): expected} if samples else {})


def test_what_nobody_asked_for_is_not_read() -> None:
    """Comments, other metrics and even broken lines of other metrics cost nothing and harm nothing."""
    answer = b"""# HELP requests_total How many.
# TYPE requests_total counter
other{a="b" 3
requests_total_more{a="b"} 9

requests_total{a="b"} 4
requests_total 5
"""
    reading = reader().read(answer)
    assert reading.counters == {Series("requests_total", (("a", "b"),)): 4, Series("requests_total", ()): 5}


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-1"])
def test_what_no_counter_can_be_is_left_out(value: str) -> None:
    """It is as if the proxy had not told this series."""
    assert not reader().read(f'requests_total{{a="b"}} {value}\n'.encode())


def test_a_line_may_have_a_time_and_spaces() -> None:
    """As the format allows."""
    reading = reader().read(b'requests_total { a = "b" , } 1.5e3 1700000000000\nrequests_total\t7\n')
    assert reading.counters == {Series("requests_total", (("a", "b"),)): 1500.0, Series("requests_total", ()): 7.0}


@pytest.mark.parametrize(
    "line", ["requests_total{a= 3", 'requests_total{a="b"}', 'requests_total{a="b"} many', "requests_total"]
)
def test_what_is_not_the_format_is_refused(line: str) -> None:
    """Rather than counted as nothing."""
    with pytest.raises(InvalidExposition, match="line"):
        reader().read(f"{line}\n".encode())


def test_the_same_lines_are_read_again_with_new_values() -> None:
    """Labels of lines that were there before are remembered, values are not; what is gone is gone."""
    one = reader()
    first = one.read(b'requests_total{a="b"} 1\nrequests_total{a="c"} 1\n')
    second = one.read(b'requests_total{a="b"} 2\n')
    assert set(first.counters.values()) == {1.0}
    assert second.counters == {Series("requests_total", (("a", "b"),)): 2.0}


@given(st.binary(max_size=300))
def test_anything_else_is_refused_or_empty(answer: bytes) -> None:
    """A proxy that answers rubbish ends nothing."""
    try:
        reading = reader().read(answer)
    except InvalidExposition:
        return
    assert all(value >= 0 for value in reading.counters.values())


def test_an_answer_has_a_limit() -> None:
    """The largest answer of a proxy that is read is some tens of megabytes, far above what a large mesh has."""
    assert 8 * 2**20 <= exposition.LARGEST <= 64 * 2**20
