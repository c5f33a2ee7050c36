"""Edges of a small mesh at random, for tests of what they add up to."""

import random

from meshwright.schemas.telemetry import Edge, LatencyBucket

BOUNDS = (0.5, 1.0, 5.0, 25.0, 100.0)


def edge(chance: random.Random) -> Edge:
    """Any edge of a small mesh."""
    counts = [chance.randrange(20) for _ in range(len(BOUNDS))]
    requests = sum(counts)
    latencies = [
        LatencyBucket(lower_ms=lower, upper_ms=upper, count=count)
        for lower, upper, count in zip(BOUNDS, (*BOUNDS[1:], None), counts, strict=True)
        if count
    ]
    return Edge(
        source=chance.choice(["web-1", "web-2", "cart-1"]),
        source_namespace=chance.choice(["shop", "test"]),
        destination=chance.choice(["cart", "pay"]),
        destination_namespace="shop",
        destination_version=chance.choice(["v1", "v2"]),
        destination_host=chance.choice(["", "", "api.example"]),
        requests=requests,
        errors=chance.randrange(requests + 1),
        rate=0.0,
        error_rate=0.0,
        mutual_tls=chance.choice([None, 0.0, 0.5, 1.0]),
        connections=chance.choice([None, 3]),
        sent_bytes=chance.choice([None, 100]),
        latencies=latencies,
    )
