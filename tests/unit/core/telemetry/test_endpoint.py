"""What a scraper gets from a process without another HTTP server."""

import asyncio
import contextlib
import logging
import socket

import httpx
import pytest

from meshwright.core import settings
from meshwright.core.kit.target import MeshRef
from meshwright.core.kit.traffic.counting import EdgeCounters
from meshwright.core.telemetry import endpoint
from meshwright.core.telemetry.metrics import Registry
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import Edge, EdgesMeasured

LISTEN = "127.0.0.1:0"


async def test_a_scraper_gets_the_numbers_as_they_are_now() -> None:
    """In the media type of the format; nothing else is there."""
    registry = Registry()
    counter = registry.counter("things_total", "Things", "kind")
    async with (
        endpoint.serving(LISTEN, registry) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        counter.add("a", by=2)
        answer = await client.get("/metrics?x=1")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        assert 'things_total{kind="a"} 2' in answer.text
        counter.add("a")
        assert 'things_total{kind="a"} 3' in (await client.get("/metrics")).text
        assert (await client.head("/metrics")).content == b""
        assert (await client.get("/")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405


async def test_nonsense_and_silence_do_no_harm() -> None:
    """A connection that sends anything else, or nothing, is closed, and others are answered meanwhile."""
    async with endpoint.serving(LISTEN, Registry()) as port:
        silent = await asyncio.open_connection("127.0.0.1", port)
        for nonsense in (b"\0\xff\r\n\r\n", b"x" * 20_000, b"GET\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(nonsense)
            writer.write_eof()
            async with asyncio.timeout(60):
                answer = b""
                with contextlib.suppress(ConnectionError):
                    answer = await reader.read()
            assert not answer or b" 404 " in answer
            writer.close()
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"http://127.0.0.1:{port}/metrics")).status_code == 200
        silent[1].close()


async def test_an_address_that_is_taken_stops_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """It is an error in the log; without an address nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listen = f"127.0.0.1:{taken.getsockname()[1]}"
        with caplog.at_level(logging.ERROR):
            async with endpoint.observed("test", "1", Registry(), listen):
                assert f"metrics cannot be served at {listen}" in caplog.text
    async with endpoint.observed("test", "1", Registry()):
        pass


@pytest.mark.parametrize("listen", ["9464", "host:", "host:99999999", "a b:1", "host:1\n", "http://h:1"])
def test_an_address_that_is_none_is_refused(listen: str) -> None:
    """At the start, by the name of the variable."""
    with pytest.raises(settings.InvalidSettings, match="MESHWRIGHT_METRICS_LISTEN"):
        settings.load(settings.Settings, {"MESHWRIGHT_METRICS_LISTEN": listen})
    for fine in ("0.0.0.0:9464", "[::1]:9464", "localhost:1"):
        assert settings.load(settings.Settings, {"MESHWRIGHT_METRICS_LISTEN": fine}).metrics_listen == fine


MESH = MeshRef(workspace="w", connection="c", mesh="m")


def window(*edges: Edge, failure: Failure | None = None) -> EdgesMeasured:
    """What was measured in ten seconds."""
    return EdgesMeasured(mesh="m", start="2026-01-01T00:00:00Z", seconds=10.0, edges=list(edges), failure=failure)  # type: ignore[arg-type]


def edge(destination: str, requests: int, errors: int = 0, **more: str) -> Edge:
    """Calls of the web."""
    return Edge(
        source="web", source_namespace="shop", destination=destination, requests=requests, errors=errors, rate=0.0,
        error_rate=0.0, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def test_edges_are_counted_over_windows() -> None:
    """By all their names; a window that is not complete is counted as such."""
    registry = Registry()
    counters = EdgeCounters(registry)
    counters.count(
        MESH, window(edge("cart", 10, 1, destination_version="v2"), edge("x", 5, destination_host="x.example"))
    )
    counters.count(MESH, window(edge("cart", 5, destination_version="v2"), failure=Failure(code="X", what="gone")))
    text = registry.text()
    cart = 'workspace="w",mesh="m",source="shop/web",destination="cart",version="v2"'
    assert f"meshwright_edge_requests_total{{{cart}}} 15" in text
    assert f"meshwright_edge_errors_total{{{cart}}} 1" in text
    assert 'destination="x.example",version=""} 5' in text
    assert 'meshwright_traffic_windows_total{mesh="m",outcome="incomplete"} 1' in text


def test_series_are_bounded_and_sums_stay_right() -> None:
    """Further edges are counted together; those that have a series keep it."""
    registry = Registry()
    counters = EdgeCounters(registry, largest=3)
    for _ in range(2):
        counters.count(MESH, window(*(edge(f"s{number}", 1) for number in range(10))))
    requests = next(each for each in registry.counters if each.name == "meshwright_edge_requests_total")
    assert len(requests.values) == 4
    assert requests.values["w", "m", "(others)", "(others)", ""] == 14
    assert sum(requests.values.values()) == 20
