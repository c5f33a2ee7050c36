"""The graph of a mesh for people: columns for what was measured, where it comes from, and why something is missing."""

import io
from typing import Any

import msgspec
from rich.console import Console

from meshwright.schemas.errors import Failure
from meshwright.schemas.readings.traffic import Topology
from meshwright.schemas.telemetry import Edge, TrafficSource
from meshwright.ui_api.cli.render.traffic import graph

HTTP = Edge(
    source="web", source_namespace="shop", destination="reviews", destination_namespace="shop",
    destination_version="v2", requests=40, errors=10, rate=4.0, error_rate=0.25, p50_ms=2.5, p99_ms=1250.0,
)  # fmt: skip
TCP = Edge(
    source="web", source_namespace="shop", destination="db", destination_namespace="shop", requests=0, errors=0,
    rate=0.0, error_rate=0.0, mutual_tls=1.0, connections=3, sent_bytes=900, received_bytes=12_345_678,
)  # fmt: skip


def shown(edges: list[Edge], **more: Any) -> list[str]:
    """The lines on a wide terminal."""
    topology = msgspec.to_builtins(Topology(mesh="m1", start=None, seconds=10.0, nodes=[], edges=edges, **more))
    output = io.StringIO()
    Console(file=output, width=200).print(graph.topology(topology))
    return [" ".join(line.split()) for line in output.getvalue().splitlines()]


def test_http_alone_has_no_columns_of_what_nobody_measured() -> None:
    """Neither mutual TLS nor connections."""
    _, columns, row = shown([HTTP])
    assert columns == "FROM TO VERSION REQ/S ERRORS P50 P99"
    assert row == "shop/web → shop/reviews v2 4.0 ✗ 25.0 % 2.5 ms 1.25 s"


def test_tcp_has_connections_and_bytes_and_no_quantiles() -> None:
    """Beside HTTP, whose own are unknown."""
    _, columns, first, second = shown([HTTP, TCP])
    assert columns == "FROM TO VERSION REQ/S ERRORS P50 P99 MTLS CONN SENT RECEIVED"
    assert "shop/db - 0.0 - - - 100 % 3 900 12 MB" in first + second
    assert "1.25 s - - - -" in first + second


def test_a_host_outside_is_shown_as_it_is_called() -> None:
    """With its dots."""
    outside = msgspec.structs.replace(HTTP, destination="api-example-com", destination_host="api.example.com")
    assert "→ api.example.com" in shown([outside])[-1]


def test_it_says_where_numbers_come_from() -> None:
    """From how many proxies, of which some may be silent; or from which Prometheus."""
    proxies = TrafficSource(read_from="proxies", statistics="istio", proxies=3, silent=1)
    prometheus = TrafficSource(read_from="prometheus", connection="prom", statistics="istio")
    assert shown([HTTP], source=proxies)[0] == "mesh m1 istio statistics, from 3 proxies, 1 silent"
    assert shown([HTTP], source=prometheus)[0] == "mesh m1 istio statistics, from Prometheus prom"


def test_it_says_why_something_is_missing() -> None:
    """With what to do, also where there is nothing else to show."""
    failure = Failure(code="MW5301", what="prom cannot be reached", remedy="See whether it runs.")
    for edges in ([], [HTTP]):
        assert "! prom cannot be reached See whether it runs." in shown(edges, failure=failure)
