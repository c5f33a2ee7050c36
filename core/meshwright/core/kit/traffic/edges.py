"""From what was counted to the edges of one window.

Invariant: nothing is below zero, errors are at most requests, and what Prometheus extrapolates is rounded once.
"""

from collections.abc import Mapping

import msgspec

from meshwright.core.kit.traffic.meanings import EdgeKey
from meshwright.core.kit.traffic.tallies import Tally
from meshwright.core.measurements import totals
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import Edge

LARGEST = 900_000
"""bytes of all edges: messages of the bus end at a mebibyte"""


def edges(counted: Mapping[EdgeKey, Tally]) -> list[Edge]:
    """The edges, in the order of their names."""
    return [_edge(key, tally) for key, tally in sorted(counted.items())]


def fitting(edges: list[Edge]) -> tuple[list[Edge], Failure | None]:
    """As many edges as a message of the bus holds, those with most traffic first to stay, and how many are left out."""
    sizes = {id(edge): len(msgspec.json.encode(edge)) + 1 for edge in edges}
    if sum(sizes.values()) <= LARGEST:
        return edges, None
    kept, room = set(), LARGEST
    for edge in sorted(edges, key=lambda edge: (edge.requests, edge.connections or 0), reverse=True):
        room -= sizes[id(edge)]
        if room < 0:
            break
        kept.add(id(edge))
    what = f"the {len(edges) - len(kept)} edges with least traffic of {len(edges)} are left out: the graph is too large"
    remedy = "What is shown of the others is complete; see the rest in the mesh's own Prometheus."
    return [edge for edge in edges if id(edge) in kept], Failure(code="MW5304", what=what, remedy=remedy)


def _edge(key: EdgeKey, tally: Tally) -> Edge:
    requests = round(tally.requests)
    errors = min(round(tally.errors), requests)
    return Edge(
        source=key.source,
        source_namespace=key.source_namespace,
        destination=key.destination,
        destination_namespace=key.destination_namespace,
        destination_version=key.version,
        destination_host=key.host,
        requests=requests,
        errors=errors,
        rate=tally.rate,
        error_rate=min(tally.errors / tally.requests, 1.0) if tally.requests else 0.0,
        p50_ms=totals.quantile(tally.latencies, 0.5),
        p99_ms=totals.quantile(tally.latencies, 0.99),
        mutual_tls=tally.share_secured(),
        connections=_whole(tally.connections),
        sent_bytes=_whole(tally.sent),
        received_bytes=_whole(tally.received),
        latencies=totals.buckets(tally.latencies),
        protocol=tally.protocol,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
