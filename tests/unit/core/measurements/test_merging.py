"""Windows that are added up are what one long window would have been."""

import itertools
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.measurements import histograms, merging, totals
from meshwright.schemas.telemetry import Edge, LatencyBucket

BOUNDS = (0.0, 5.0, 10.0, 50.0, 100.0, 1000.0, math.inf)
COUNTS = st.lists(st.integers(0, 100), min_size=len(BOUNDS) - 1, max_size=len(BOUNDS) - 1)


def edge(counts: list[int], errors: int = 0, destination: str = "reviews", **more: float | int | None) -> Edge:
    """An edge with so many requests in each bucket."""
    requests = sum(counts)
    pairs = itertools.pairwise(BOUNDS)
    histogram = {pair: float(count) for pair, count in zip(pairs, counts, strict=True)}
    return Edge(
        source="web",
        destination=destination,
        requests=requests,
        errors=min(errors, requests),
        rate=requests / 10,
        error_rate=min(errors, requests) / requests if requests else 0.0,
        p50_ms=totals.quantile(histogram, 0.5),
        p99_ms=totals.quantile(histogram, 0.99),
        latencies=totals.buckets(histogram),
        **more,  # type: ignore[arg-type]
    )


WINDOWS = st.lists(st.builds(edge, COUNTS, st.integers(0, 500)), min_size=1, max_size=6)


@given(WINDOWS)
def test_merged_windows_are_one_long_window(parts: list[Edge]) -> None:
    """Counts, rates, errors and quantiles are those of all their requests."""
    (merged,) = merging.merge([[each] for each in parts], 10.0 * len(parts))
    total: histograms.Histogram = {}
    for bucket in (bucket for each in parts for bucket in each.latencies):
        upper = math.inf if bucket.upper_ms is None else bucket.upper_ms
        histograms.add(total, {(bucket.lower_ms, upper): bucket.count})
    assert merged.requests == sum(each.requests for each in parts)
    assert merged.errors == sum(each.errors for each in parts)
    assert merged.rate == pytest.approx(merged.requests / (10 * len(parts)))
    assert sum(bucket.count for bucket in merged.latencies) == merged.requests
    assert (merged.p50_ms, merged.p99_ms) == (totals.quantile(total, 0.5), totals.quantile(total, 0.99))


@given(WINDOWS, st.integers(0, 6))
def test_merging_in_steps_is_merging_at_once(parts: list[Edge], cut: int) -> None:
    """So that hours can be made of minutes."""
    whole = merging.merge([[each] for each in parts], 1.0)
    some = [merging.merge([[each] for each in half], 1.0) for half in (parts[:cut], parts[cut:])]
    assert merging.merge(some, 1.0) == whole


@given(WINDOWS)
def test_a_window_alone_is_as_it_was(parts: list[Edge]) -> None:
    """Merging changes nothing that is there once."""
    assert merging.merge([parts[:1]], 10.0) == parts[:1]


def test_edges_are_known_by_all_their_names() -> None:
    """Versions, namespaces and hosts apart; an edge that is in one window only is as long as all of them."""
    one, other = edge([10, 0, 0, 0, 0, 0]), edge([0, 0, 10, 0, 0, 0], destination="ratings")
    merged = merging.merge([[one, other], [one]], 20.0)
    assert [(each.destination, each.requests, each.rate) for each in merged] == [
        ("ratings", 10, 0.5),
        ("reviews", 20, 1.0),
    ]


def test_shares_of_mutual_tls_count_by_requests() -> None:
    """Windows that do not know have no say; without requests connections count, without these the highest."""
    ten, thirty = [10, 0, 0, 0, 0, 0], [30, 0, 0, 0, 0, 0]
    none = [0] * 6
    cases: list[tuple[list[Edge], float | None]] = [
        ([edge(ten, mutual_tls=1.0), edge(thirty, mutual_tls=0.0), edge(ten)], 0.25),
        ([edge(none, mutual_tls=1.0, connections=1), edge(none, mutual_tls=0.0, connections=3)], 0.25),
        ([edge(none, mutual_tls=1.0), edge(none, mutual_tls=0.5)], 1.0),
        ([edge(ten)], None),
    ]
    for parts, expected in cases:
        (merged,) = merging.merge([[each] for each in parts], 1.0)
        assert merged.mutual_tls == expected


def test_what_nobody_measured_stays_unknown() -> None:
    """Connections and bytes are None in all windows, or the sum of those that have them."""
    (unknown,) = merging.merge([[edge([1, 0, 0, 0, 0, 0])]] * 2, 1.0)
    assert (unknown.connections, unknown.sent_bytes, unknown.received_bytes) == (None, None, None)
    known = edge([0] * 6, connections=2, sent_bytes=10, received_bytes=0)
    (summed,) = merging.merge([[known], [edge([0] * 6)], [known]], 1.0)
    assert (summed.connections, summed.sent_bytes, summed.received_bytes) == (4, 20, 0)


def test_without_histograms_there_are_no_quantiles() -> None:
    """Those of the windows are not averaged."""
    old = Edge(source="a", destination="b", requests=5, errors=0, rate=1.0, error_rate=0.0, p50_ms=3.0, p99_ms=9.0)
    (merged,) = merging.merge([[old], [old]], 10.0)
    assert (merged.requests, merged.p50_ms, merged.p99_ms) == (10, None, None)


def test_the_last_bucket_may_have_no_end() -> None:
    """It is None in documents, which know no infinity."""
    assert totals.buckets({(10.0, math.inf): 3.0, (0.0, 10.0): 0.0}) == [LatencyBucket(lower_ms=10.0, count=3.0)]


def test_nothing_is_nothing() -> None:
    """No windows, or empty ones of no length."""
    assert merging.merge([], 0.0) == merging.merge([[], []], 0.0) == []
    (merged,) = merging.merge([[edge([0] * 6)]], 0.0)
    assert merged.rate == 0.0


def test_an_edge_without_a_histogram_tells_its_own_quantiles_alone() -> None:
    """An adapter that publishes none is shown as it measured; nothing is made up once edges are added to each other."""
    bare = msgspec.structs.replace(edge([10, 0, 0, 0, 0, 0]), p50_ms=1.5, p99_ms=9.0, latencies=[])
    idle = edge([0, 0, 0, 0, 0, 0])
    assert totals.of_edges([bare]).ends == (1.5, 9.0)
    assert totals.of_edges([bare, idle]).ends == (1.5, 9.0)
    assert totals.of_edges([bare, bare]).ends == (None, None)
    total = totals.of_edges([])
    total.add(totals.of_edges([bare]))
    assert merging.edge(merging.names(bare), total, 10.0).p99_ms == 9.0
    total.add(totals.of_edges([bare]))
    assert merging.edge(merging.names(bare), total, 10.0).p99_ms is None
