"""Computing the edges of one window from a proxy's growing totals.

Problem: Envoy counts since its start, a restarted one starts from zero, and a response may lack counters not yet used.
Invariant: a window never counts a request twice nor a negative one; totals that shrank belong to a new process, so all
of them are this window's. Envoy stores latencies in whole milliseconds, rounded down, in log-linear buckets (two
significant digits), so a value is in [lower, lower + max(width, 1 ms)).

Requests share connections, so how many of them came by mutual TLS is known by their connections: those that were
established, by the histogram of the time that it took, and those of them with a handshake. A sidecar presents its
identity in every handshake and accepts only those of the cluster, so each is mutual.
"""

from collections.abc import Mapping
from typing import Annotated, TypeAlias

import msgspec

from meshwright.schemas.base import Model
from meshwright.schemas.telemetry import Edge, LatencyBucket

Histogram: TypeAlias = Mapping[tuple[float, float], int]
"""Samples by (lower bound, upper bound) in milliseconds."""

# no name contains `|`, so only outbound clusters `<service>|<version>` match
CLUSTER_STATISTICS = (
    r"^cluster\.[a-z0-9-]+\|[a-z0-9-]+\."
    r"(upstream_rq_(completed|5xx|time)|upstream_cx_connect_ms|ssl\.handshake)$"
)
_CONNECTED, _HANDSHAKES = "upstream_cx_connect_ms", "ssl.handshake"
_WHOLE_MILLISECOND = 1.0
Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class Totals(Model, frozen=True, kw_only=True):
    """The counts of a sidecar for one cluster since it started."""

    requests: int = 0
    errors: int = 0
    latencies: dict[tuple[float, float], int] = {}
    mutual_tls: float | None = None
    """share of its connections that came by mutual TLS, 0 to 1; None before the first"""


class _Bucket(msgspec.Struct):
    lower_bound: float
    width: float
    count: Count


class _Details(msgspec.Struct):
    name: str
    totals: list[_Bucket]


class _Histograms(msgspec.Struct):
    details: list[_Details] = []


class _Statistic(msgspec.Struct):
    name: str = ""
    value: Count = 0
    histograms: _Histograms | None = None


class _Answer(msgspec.Struct):
    stats: list[_Statistic] = []


_decoder = msgspec.json.Decoder(_Answer)


def read(answer: bytes) -> dict[str, Totals]:
    """Totals by cluster from `/stats?format=json&histogram_buckets=detailed`.

    Each answered request, Envoy's own 503 and 504 for no response included, is one `completed`; retries are not. Raises
    msgspec.DecodeError or msgspec.ValidationError for another kind of response.
    """
    counters: dict[str, dict[str, int]] = {}
    latencies: dict[str, dict[tuple[float, float], int]] = {}
    established: dict[str, int] = {}
    for statistic in _decoder.decode(answer).stats:
        cluster, name = _split(statistic.name)
        if "|" in cluster:
            counters.setdefault(cluster, {})[name] = statistic.value
        for detail in statistic.histograms.details if statistic.histograms else ():
            cluster, name = _split(detail.name)
            if name == _CONNECTED:
                established[cluster] = sum(bucket.count for bucket in detail.totals)
            elif "|" in cluster:
                latencies[cluster] = {_bounds(bucket): bucket.count for bucket in detail.totals}
    return {
        cluster: Totals(
            requests=counters.get(cluster, {}).get("upstream_rq_completed", 0),
            errors=counters.get(cluster, {}).get("upstream_rq_5xx", 0),
            latencies=latencies.get(cluster, {}),
            mutual_tls=_share(counters.get(cluster, {}).get(_HANDSHAKES, 0), established.get(cluster, 0)),
        )
        for cluster in sorted(counters.keys() | latencies.keys())
    }


def _split(statistic: str) -> tuple[str, str]:
    """The cluster of a statistic and its name there."""
    cluster, _, name = statistic.removeprefix("cluster.").partition(".")
    return cluster, name


def _share(handshakes: int, established: int) -> float | None:
    """Counters are read a moment after the histogram, so a new connection may be in these only."""
    return min(handshakes / established, 1.0) if established else None


def _bounds(bucket: _Bucket) -> tuple[float, float]:
    return bucket.lower_bound, bucket.lower_bound + max(bucket.width, _WHOLE_MILLISECOND)


def difference(before: Totals, after: Totals) -> Totals:
    """The counts between two readings; when a count shrank, the proxy is new and all of `after` counts."""
    latencies = {
        bounds: after.latencies.get(bounds, 0) - before.latencies.get(bounds, 0)
        for bounds in after.latencies.keys() | before.latencies.keys()
    }
    requests, errors = after.requests - before.requests, after.errors - before.errors
    if min(requests, errors, *latencies.values()) < 0:
        return after
    return Totals(
        requests=requests,
        errors=min(errors, requests),
        latencies={bounds: count for bounds, count in sorted(latencies.items()) if count},
        mutual_tls=after.mutual_tls,
    )


def percentile(histogram: Histogram, percent: float) -> float | None:
    """The latency in milliseconds below which `percent` of the samples lie, even within a bucket; None without any.

    For `percent` from 0 to 100 it never decreases and stays within the bounds of the occupied buckets.
    """
    occupied = sorted((bounds, count) for bounds, count in histogram.items() if count > 0)
    if not occupied:
        return None
    rank, reached = sum(count for _, count in occupied) * percent / 100, 0.0
    for (lower, upper), count in occupied:
        # a bucket widened to a whole millisecond may overlap the next one, which then starts where it ends
        lower, reached = max(lower, reached), max(upper, reached)
        if rank <= count:
            return lower + (reached - lower) * rank / count
        rank -= count
    return reached  # rounding error of the last subtraction


def edge(source: str, cluster: str, window: Totals, seconds: float) -> Edge:
    """One edge of the graph; `cluster` is `<service>|<version>`, `seconds` the window's length."""
    service, _, version = cluster.partition("|")
    p50, p99 = (percentile(window.latencies, percent) for percent in (50, 99))
    return Edge(
        source=source,
        destination=service,
        destination_version=version,
        requests=window.requests,
        errors=window.errors,
        rate=window.requests / seconds if seconds > 0 else 0.0,
        error_rate=window.errors / window.requests if window.requests else 0.0,
        p50_ms=None if p50 is None or not window.requests else round(p50, 3),
        p99_ms=None if p99 is None or not window.requests else round(p99, 3),
        mutual_tls=window.mutual_tls,
        protocol="http",
        latencies=[
            LatencyBucket(lower_ms=lower, upper_ms=upper, count=count)
            for (lower, upper), count in sorted(window.latencies.items())
        ],
    )
