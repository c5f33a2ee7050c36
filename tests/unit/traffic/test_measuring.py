"""The windows of one mesh: from the Prometheus that knows it or from its proxies, and never empty without a reason."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.target import MeshRef, Scope
from meshwright.core.kit.traffic import edges as edge_list
from meshwright.core.kit.traffic.meanings import Place
from meshwright.core.kit.traffic.measuring import MeshTraffic, Traffic
from meshwright.core.kit.traffic.proxies import Proxy
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.connections import Prometheus
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import Edge, EdgesMeasured
from rig.prometheus import ScrapingServer
from unit.traffic.test_reading import LOOPBACK, MESH, PLAIN, lines


class Mesh:
    """A mesh of one proxy, and connections to Prometheus."""

    def __init__(self) -> None:
        self.answer = lines(a=1)
        self.known: list[OpenConnection[Prometheus]] = []
        self.refusal: Reject | None = None
        runtime = SimpleNamespace(connections=SimpleNamespace(of_kind=self.of_kind, reachable=LOOPBACK))
        scope = Scope(cast(Any, runtime), None, MeshRef(workspace="default", connection="prod", mesh="m1"))
        self.traffic = MeshTraffic(Traffic(statistics=[MESH, PLAIN], proxies=self.proxies), scope, 10.0)

    async def of_kind(self, workspace: str, kind: type[Prometheus]) -> list[OpenConnection[Prometheus]]:
        """Those that were set."""
        if self.refusal:
            raise self.refusal
        return self.known

    async def proxies(self, scope: Scope) -> Sequence[Proxy]:
        """The only one."""

        async def read() -> bytes:
            return self.answer.encode()

        return [Proxy("web", Place(workload="web"), read)]

    def set(self, **settings: Any) -> None:
        """A connection as a person changes it."""
        self.known = [connection("prom", **settings)]


def connection(name: str, **settings: Any) -> OpenConnection[Prometheus]:
    """An open connection."""
    return OpenConnection(workspace="default", id=name, kind="prometheus", settings=Prometheus(**settings))


def read_from(window: EdgesMeasured) -> tuple[str, str]:
    """By which way, and which connection."""
    assert window.source is not None
    return window.source.read_from, window.source.connection


def requests(window: EdgesMeasured) -> int:
    """Of all edges."""
    return sum(edge.requests for edge in window.edges)


async def test_without_a_prometheus_its_proxies_are_asked() -> None:
    """A window has its time, its edges and where they come from."""
    mesh = Mesh()
    await mesh.traffic.window()
    mesh.answer = lines(a=8)
    window = await mesh.traffic.window()
    assert (window.mesh, requests(window), read_from(window)) == ("m1", 7, ("proxies", ""))
    assert window.failure is None
    assert mesh.traffic.every == 10.0
    await mesh.traffic.close()


@pytest.mark.parametrize(("meshes", "way"), [([], "prometheus"), (["m1"], "prometheus"), (["m2"], "proxies")])
async def test_a_prometheus_is_asked_for_the_meshes_that_it_has(meshes: list[str], way: str) -> None:
    """Those that it names, or all."""
    mesh = Mesh()
    async with ScrapingServer().serving() as url:
        mesh.set(url=url, meshes=meshes)
        assert read_from(await mesh.traffic.window())[0] == way
        await mesh.traffic.close()


async def test_a_connection_that_comes_changes_or_goes_counts_from_the_next_window() -> None:
    """Nobody restarts a worker for it; one without a URL is not asked."""
    mesh, server = Mesh(), ScrapingServer()
    server.authorization = "Bearer right"
    async with server.serving() as url:
        ways = []
        for settings in ({"url": ""}, {"url": url, "bearer_token": "wrong"}, {"url": url, "bearer_token": "right"}):
            mesh.set(**settings)
            window = await mesh.traffic.window()
            ways.append((*read_from(window), window.failure.code if window.failure else ""))
        mesh.known = []
        ways.append((*read_from(await mesh.traffic.window()), ""))
        await mesh.traffic.close()
    expected = [("proxies", "", ""), ("prometheus", "prom", "MW5302"), ("prometheus", "prom", "MW5303")]
    assert ways == [*expected, ("proxies", "", "")]


async def test_a_prometheus_that_fails_is_not_replaced_by_the_proxies() -> None:
    """What both count would be there twice: the window is empty, and says why."""
    mesh = Mesh()
    async with ScrapingServer().serving() as url:
        pass
    mesh.set(url=url)
    window = await mesh.traffic.window()
    assert (window.edges, read_from(window)) == ([], ("prometheus", "prom"))
    assert window.failure is not None and "cannot be reached" in window.failure.what
    await mesh.traffic.close()


async def test_a_connection_that_cannot_be_used_is_told() -> None:
    """Such as one whose credentials no key opens."""
    mesh = Mesh()
    mesh.refusal = Reject(Failure(code="MW1013", what="the credentials cannot be opened", details={"secret": 1}))
    window = await mesh.traffic.window()
    assert window.failure is not None
    assert (window.failure.code, window.failure.details) == ("MW1013", {})
    await mesh.traffic.close()


def test_a_graph_that_is_too_large_keeps_its_busiest_edges(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, and it is told how many are left out."""
    edges = [
        Edge(source=f"w{n:03}", destination="d", requests=n % 7, errors=0, rate=0.0, error_rate=0.0) for n in range(100)
    ]
    assert edge_list.fitting(edges) == (edges, None)
    monkeypatch.setattr(edge_list, "LARGEST", 5000)
    kept, failure = edge_list.fitting(edges)
    assert len(msgspec.json.encode(kept)) <= 5001
    assert 0 < len(kept) < 100
    assert [each.source for each in kept] == sorted(each.source for each in kept)
    assert min(each.requests for each in kept) >= max(each.requests for each in edges if each not in kept)
    assert failure is not None and f"the {100 - len(kept)} edges with least traffic of 100" in failure.what
