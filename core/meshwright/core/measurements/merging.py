"""Several windows of a mesh as one.

Problem: who looks at an hour wants its quantiles, and those of its windows say nothing of it. Invariant: what was
counted is added, histograms too, and only then is asked for quantiles, rates and shares; an edge is the same in every
window in which all its names are. Windows without a histogram have no say in quantiles.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from meshwright.core.measurements import histograms
from meshwright.core.measurements.histograms import Histogram
from meshwright.schemas.telemetry import Edge, LatencyBucket


def merge(windows: Iterable[Sequence[Edge]], seconds: float) -> list[Edge]:
    """The edges of these windows, which are so many seconds long all together."""
    parts: dict[tuple[str, ...], list[Edge]] = {}
    for window in windows:
        for edge in window:
            parts.setdefault(_names(edge), []).append(edge)
    return [_merged(each, seconds) for _, each in sorted(parts.items())]


def quantile(histogram: Histogram, share: float) -> float | None:
    """The latency in milliseconds below which this share of requests was, as it is shown."""
    value = histograms.quantile(histogram, share)
    return None if value is None else round(value, 3)


def buckets(histogram: Histogram) -> list[LatencyBucket]:
    """A histogram as the contract has it."""
    return [
        LatencyBucket(lower_ms=lower, upper_ms=None if math.isinf(upper) else upper, count=count)
        for (lower, upper), count in sorted(histogram.items())
        if count > 0
    ]


def _names(edge: Edge) -> tuple[str, ...]:
    return (
        edge.source_namespace,
        edge.source,
        edge.destination_namespace,
        edge.destination,
        edge.destination_version,
        edge.destination_host,
    )


def _merged(parts: Sequence[Edge], seconds: float) -> Edge:
    latencies: Histogram = {}
    for bucket in (bucket for edge in parts for bucket in edge.latencies):
        upper = math.inf if bucket.upper_ms is None else bucket.upper_ms
        histograms.add(latencies, {(bucket.lower_ms, upper): bucket.count})
    requests, errors = sum(edge.requests for edge in parts), sum(edge.errors for edge in parts)
    return msgspec.structs.replace(
        parts[0],
        requests=requests,
        errors=errors,
        rate=requests / seconds if seconds > 0 else 0.0,
        error_rate=errors / requests if requests else 0.0,
        p50_ms=quantile(latencies, 0.5),
        p99_ms=quantile(latencies, 0.99),
        mutual_tls=_share(parts),
        connections=_sum(edge.connections for edge in parts),
        sent_bytes=_sum(edge.sent_bytes for edge in parts),
        received_bytes=_sum(edge.received_bytes for edge in parts),
        latencies=buckets(latencies),
    )


def _share(parts: Iterable[Edge]) -> float | None:
    """Each window counts as much as it had requests or, without any, connections."""
    known = [(edge.mutual_tls, edge.requests or edge.connections or 0) for edge in parts if edge.mutual_tls is not None]
    weight = sum(each for _, each in known)
    if weight:
        return sum(share * each for share, each in known) / weight
    return known[-1][0] if known else None


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
