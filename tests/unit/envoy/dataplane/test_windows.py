"""The arithmetic of windows: nothing counted twice, nothing negative, percentiles within what was seen."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.envoy.dataplane import windows
from meshwright.adapters.envoy.dataplane.windows import Totals

# Latencies as Envoy buckets them: whole milliseconds at two significant digits.
MILLISECONDS = st.integers(0, 9) | st.integers(10, 99) | st.integers(10, 99).map(lambda tens: tens * 10)


def bounds(value: int) -> tuple[float, float]:
    """Envoy's bucket of a latency."""
    return float(value), value + max(1.0, 10.0 if value >= 100 else 1.0)


HISTOGRAMS = st.dictionaries(MILLISECONDS.map(bounds), st.integers(1, 1000), max_size=12)


@st.composite
def totals(draw: st.DrawFn) -> Totals:
    """Any reading."""
    requests = draw(st.integers(0, 10_000))
    return Totals(requests=requests, errors=draw(st.integers(0, requests)), latencies=draw(HISTOGRAMS))


def added(one: Totals, more: Totals) -> Totals:
    """A reading after more requests."""
    latencies = dict(one.latencies)
    for bucket, count in more.latencies.items():
        latencies[bucket] = latencies.get(bucket, 0) + count
    return Totals(requests=one.requests + more.requests, errors=one.errors + more.errors, latencies=latencies)


@given(totals(), totals())
def test_difference_is_exactly_what_came_between(before: Totals, between: Totals) -> None:
    """The window between two readings of one process is what was counted between them."""
    window = windows.difference(before, added(before, between))
    assert (window.requests, window.errors) == (between.requests, between.errors)
    assert window.latencies == between.latencies


@given(totals(), totals())
def test_difference_is_never_negative(before: Totals, after: Totals) -> None:
    """Whatever two readings say, no count of the window is negative and errors are not more than requests."""
    window = windows.difference(before, after)
    assert window.requests >= window.errors >= 0
    assert all(count > 0 for count in window.latencies.values())


@given(totals())
def test_restarted_proxy_counts_from_zero(after: Totals) -> None:
    """When the counters shrank, everything that the new process counted belongs to the window."""
    before = Totals(requests=after.requests + 1, errors=after.errors)
    assert windows.difference(before, after) == after


@given(HISTOGRAMS, st.lists(st.floats(0, 100), min_size=2, max_size=8))
def test_percentiles_rise_and_stay_within_bounds(
    histogram: dict[tuple[float, float], int], percents: list[float]
) -> None:
    """Percentiles never fall with the percentage and lie between the lowest and highest occupied bucket."""
    result = [windows.percentile(histogram, percent) for percent in sorted(percents)]
    values = [value for value in result if value is not None]
    assert bool(values) == bool(histogram)
    assert values == sorted(values)
    for value in values:
        assert min(lower for lower, _ in histogram) <= value <= max(upper for _, upper in histogram)


@given(HISTOGRAMS.filter(bool), st.sampled_from([50.0, 90.0, 99.0]))
def test_percentile_lies_in_the_bucket_of_its_rank(histogram: dict[tuple[float, float], int], percent: float) -> None:
    """At least `percent` of the samples lie in buckets that begin at or below the percentile, and no fewer than
    the rest in those that end at or above it."""
    value = windows.percentile(histogram, percent)
    assert value is not None
    samples = sum(histogram.values())
    below = sum(count for (lower, _), count in histogram.items() if lower <= value)
    above = sum(count for (_, upper), count in histogram.items() if upper >= value)
    assert below >= samples * percent / 100 * (1 - 1e-9)
    assert above >= samples * (100 - percent) / 100 * (1 - 1e-9)


def test_edge_of_a_quiet_window_has_no_latency() -> None:
    """Without requests there is no rate, no error rate and no percentile, and nothing divides by zero."""
    edge = windows.edge("front", "reviews|v1", Totals(), 0.0)
    assert (edge.source, edge.destination, edge.destination_version) == ("front", "reviews", "v1")
    assert (edge.requests, edge.rate, edge.error_rate, edge.p50_ms, edge.p99_ms) == (0, 0, 0, None, None)


def test_answer_of_envoy_is_read() -> None:
    """Envoy 1.40's own answer gives requests, errors and latencies per outbound cluster and nothing else."""
    answer = msgspec.json.encode(
        {
            "stats": [
                {"name": "cluster.dead|v1.upstream_rq_5xx", "value": 3},
                {"name": "cluster.dead|v1.upstream_rq_completed", "value": 3},
                {"name": "cluster.xds.upstream_rq_completed", "value": 7},
                {"name": "cluster.reviews|v1.upstream_rq_completed", "value": 30},
                {"name": "cluster.reviews|v1.ssl.handshake", "value": 3},
                {
                    "histograms": {
                        "supported_percentiles": [0, 50],
                        "details": [
                            {
                                "name": "cluster.reviews|v1.upstream_rq_time",
                                "totals": [
                                    {"lower_bound": 0, "width": 0, "count": 4},
                                    {"lower_bound": 1, "width": 0.1, "count": 26},
                                ],
                                "intervals": [],
                                "percentiles": [{"cumulative": 0, "interval": None}],
                            },
                            {
                                "name": "cluster.reviews|v1.upstream_cx_connect_ms",
                                "totals": [{"lower_bound": 2, "width": 0.1, "count": 4}],
                            },
                        ],
                    }
                },
            ]
        }
    )
    assert windows.read(answer) == {
        "dead|v1": Totals(requests=3, errors=3),
        "reviews|v1": Totals(requests=30, latencies={(0.0, 1.0): 4, (1.0, 2.0): 26}, mutual_tls=0.75),
    }


@pytest.mark.parametrize("answer", [b"", b"<html>", b"[]", b'{"stats": {}}'])
def test_anything_else_is_refused(answer: bytes) -> None:
    """What is not such an answer raises, and never becomes numbers."""
    with pytest.raises(msgspec.DecodeError):
        windows.read(answer)
