"""Traffic that is added up: of several edges, of several windows, or of both.

Invariant: only what was counted is kept, so that sums can be added in any order and in steps; rates, shares and
quantiles are asked for at the end. A share of mutual TLS counts by the requests of which it is known or, where there
are none, by their connections.
"""

import math
from collections.abc import Sequence

import msgspec

from meshwright.core.measurements import histograms
from meshwright.core.measurements.histograms import Histogram
from meshwright.schemas.readings.traffic import TrafficNumbers
from meshwright.schemas.telemetry import Edge, LatencyBucket, Protocol


class Totals(msgspec.Struct, kw_only=True):
    """A sum. `secured` of `weight` came by mutual TLS; `share` is the highest known one, for what weighs nothing."""

    requests: int = 0
    errors: int = 0
    secured: float = 0.0
    weight: float = 0.0
    share: float | None = None
    connections: int | None = None
    sent_bytes: int | None = None
    received_bytes: int | None = None
    latencies: Histogram = {}
    protocol: Protocol = ""
    """`grpc` when all was"""
    alone: tuple[float | None, float | None] | None = None
    """p50 and p99 of an edge that came without a histogram, for as long as nothing is added to it"""

    def add_edge(self, edge: Edge) -> None:
        """Add an edge of a window."""
        if edge.requests:
            first = not self.requests and not edge.latencies
            self.alone = (edge.p50_ms, edge.p99_ms) if first else None
        self.requests += edge.requests
        self.errors += edge.errors
        self.protocol = max(self.protocol, edge.protocol)
        if edge.mutual_tls is not None:
            weight = edge.requests or edge.connections or 0
            self.secured += edge.mutual_tls * weight
            self.weight += weight
            self.share = _highest(self.share, edge.mutual_tls)
        self.connections = _sum(self.connections, edge.connections)
        self.sent_bytes = _sum(self.sent_bytes, edge.sent_bytes)
        self.received_bytes = _sum(self.received_bytes, edge.received_bytes)
        for bucket in edge.latencies:
            bounds = (bucket.lower_ms, math.inf if bucket.upper_ms is None else bucket.upper_ms)
            self.latencies[bounds] = self.latencies.get(bounds, 0.0) + bucket.count

    def add(self, other: "Totals") -> None:
        """Add another sum."""
        if other.requests:
            self.alone = None if self.requests else other.alone
        self.requests += other.requests
        self.errors += other.errors
        self.protocol = max(self.protocol, other.protocol)
        self.secured += other.secured
        self.weight += other.weight
        self.share = _highest(self.share, other.share)
        self.connections = _sum(self.connections, other.connections)
        self.sent_bytes = _sum(self.sent_bytes, other.sent_bytes)
        self.received_bytes = _sum(self.received_bytes, other.received_bytes)
        histograms.add(self.latencies, other.latencies)

    @property
    def error_rate(self) -> float:
        """The share of requests that failed."""
        return self.errors / self.requests if self.requests else 0.0

    @property
    def mutual_tls(self) -> float | None:
        """The share of mutual TLS; None where nobody measured it."""
        return self.secured / self.weight if self.weight else self.share

    def rate(self, seconds: float) -> float:
        """Requests per second."""
        return self.requests / seconds if seconds > 0 else 0.0

    def quantile(self, share: float) -> float | None:
        """The latency in milliseconds below which this share of requests was, as it is shown."""
        return quantile(self.latencies, share)

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """p50 and p99 in milliseconds."""
        return self.alone or (self.quantile(0.5), self.quantile(0.99))

    def numbers(self, seconds: float) -> TrafficNumbers:
        """What people read of it."""
        median, highest = self.ends
        return TrafficNumbers(
            requests=self.requests,
            errors=self.errors,
            rate=self.rate(seconds),
            error_rate=self.error_rate,
            p50_ms=median,
            p90_ms=self.quantile(0.9),
            p99_ms=highest,
            mutual_tls=self.mutual_tls,
        )


def of_edges(edges: Sequence[Edge]) -> Totals:
    """All these edges as one."""
    total = Totals()
    for edge in edges:
        total.add_edge(edge)
    return total


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


def _sum(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return one + other


def _highest(one: float | None, other: float | None) -> float | None:
    if one is None or other is None:
        return one if other is None else other
    return max(one, other)
