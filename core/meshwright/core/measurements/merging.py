"""Several windows of a mesh as one.

Problem: who looks at an hour wants its quantiles, and those of its windows say nothing of it. Invariant: an edge is the
same in every window in which all its names are, and its parts are added up as `totals` does. Windows without a
histogram have no say in quantiles.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from meshwright.core.measurements.totals import Totals, buckets
from meshwright.schemas.telemetry import Edge

EdgeNames: TypeAlias = tuple[str, str, str, str, str, str]
NAMES = (
    "source_namespace",
    "source",
    "destination_namespace",
    "destination",
    "destination_version",
    "destination_host",
)
"""the fields by which an edge is known"""


def merge(windows: Iterable[Sequence[Edge]], seconds: float) -> list[Edge]:
    """The edges of these windows, which are so many seconds long all together."""
    sums: dict[EdgeNames, Totals] = {}
    for window in windows:
        for each in window:
            sums.setdefault(names(each), Totals()).add_edge(each)
    return [edge(known, total, seconds) for known, total in sorted(sums.items())]


def names(edge: Edge) -> EdgeNames:
    """By what an edge is known."""
    return (
        edge.source_namespace,
        edge.source,
        edge.destination_namespace,
        edge.destination,
        edge.destination_version,
        edge.destination_host,
    )


def edge(known: EdgeNames, total: Totals, seconds: float) -> Edge:
    """The edge of these names with all its traffic in so many seconds."""
    median, highest = total.ends
    return Edge(
        **dict(zip(NAMES, known, strict=True)),
        requests=total.requests,
        errors=total.errors,
        rate=total.rate(seconds),
        error_rate=total.error_rate,
        p50_ms=median,
        p99_ms=highest,
        mutual_tls=total.mutual_tls,
        connections=total.connections,
        sent_bytes=total.sent_bytes,
        received_bytes=total.received_bytes,
        latencies=buckets(total.latencies),
        protocol=total.protocol,
    )
