"""Edges measured from a real Envoy."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.dataplane.fleet import Fleet
from meshwright.adapters.envoy.dataplane.statistics import Statistics, Target
from meshwright.core.testing.servers import free_port
from meshwright.schemas.telemetry import Edge, EdgesMeasured

pytestmark = pytest.mark.servers
HCM = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
ROUTER = "envoy.extensions.filters.http.router.v3.Router"


def _address(port: int) -> dict[str, Any]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def _cluster(name: str, port: int) -> dict[str, Any]:
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": _address(port)}}]}]
    return {"name": name, "load_assignment": {"cluster_name": name, "endpoints": endpoints}}


def bootstrap(outbound: int, server: int) -> dict[str, Any]:
    """A sidecar that routes `/dead` to a closed port and the rest to `server`."""
    routes = [
        {"match": {"prefix": "/dead"}, "route": {"cluster": "dead|v1"}},
        {"match": {"prefix": "/"}, "route": {"cluster": "reviews|v1"}},
    ]
    manager = {
        "@type": f"type.googleapis.com/{HCM}",
        "stat_prefix": "outbound",
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"type.googleapis.com/{ROUTER}"}}],
    }
    chains = [{"filters": [{"name": "http", "typed_config": manager}]}]
    return {
        "admin": {"address": administration.ADDRESS},
        "stats_flush_on_admin": True,
        "static_resources": {
            "listeners": [{"name": "outbound", "address": _address(outbound), "filter_chains": chains}],
            "clusters": [_cluster("reviews|v1", server), _cluster("dead|v1", free_port())],
        },
    }


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serve one connection, each request 20 ms late."""
    while await reader.readline():
        while (await reader.readline()).strip():
            pass
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    writer.close()


@pytest.fixture
async def backend() -> AsyncIterator[int]:
    """A server that answers in 20 ms; gives its port."""
    server = await asyncio.start_server(_answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_window_counts_what_was_sent(tmp_path: Path, backend: int) -> None:
    """A window holds exactly the requests sent in it, their errors and their latency; a quiet one holds none."""
    outbound = free_port()
    told: list[EdgesMeasured] = []

    async def targets() -> Sequence[Target]:
        return [Target(workspace="w", mesh="demo", sidecars={"front": "front", "gone": "gone"})]

    async def measure(workspace: str, message: EdgesMeasured) -> None:
        assert workspace == "w"
        told.append(message)

    async with (
        Fleet.open(tmp_path, keep_on_exit=False) as fleet,
        httpx.AsyncClient(trust_env=False) as client,
        httpx.AsyncClient(transport=administration.Transport(tmp_path)) as reading,
    ):
        await fleet.ensure("front", bootstrap(outbound, backend))
        statistics = Statistics(fleet=tmp_path, targets=targets, measure=measure)
        await statistics.poll(reading)
        for path in ["/"] * 20 + ["/dead"] * 3:
            await client.get(f"http://127.0.0.1:{outbound}{path}")
        await statistics.poll(reading)
        await statistics.poll(reading)

    first, busy, quiet = ({edge.destination: edge for edge in one.edges} for one in told)
    assert first == {}
    assert (busy["reviews"].requests, busy["reviews"].errors) == (20, 0)
    assert (busy["dead"].requests, busy["dead"].errors, busy["dead"].error_rate) == (3, 3, 1.0)
    p50, p99 = busy["reviews"].p50_ms, busy["reviews"].p99_ms
    assert p50 is not None
    assert p99 is not None
    assert 20 <= p50 <= p99
    assert _silent(quiet["reviews"])
    assert _silent(quiet["dead"])


def _silent(edge: Edge) -> bool:
    return (edge.requests, edge.errors, edge.rate, edge.p50_ms) == (0, 0, 0.0, None)
