"""Who asks whom in a real mesh: a real worker asks real Envoys, which real requests went through."""

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import listening
from meshwright.core.measurements import histograms
from meshwright.core.security import connection_secrets, sealing
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import subjects
from meshwright.schemas.connections import Connection, ConnectionWritten
from meshwright.schemas.operations import RefreshStatus
from meshwright.schemas.telemetry import Edge, EdgesMeasured
from rig.prometheus import ScrapingServer
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = pytest.mark.servers


@pytest.fixture
async def world(kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str) -> AsyncIterator[SidecarWorld]:
    """A client that calls a service of two versions without sidecars, one with a sidecar, and one that is no HTTP."""
    services = [
        Service("reviews", ("v1", "v2")),
        Service("ratings", sidecar=True),
        Service("db", port=9100, sidecar=True, protocol="tcp"),
    ]
    try:
        async with SidecarWorld(kubernetes_server, istiod, namespace, services) as result:
            yield result
    except Refused as refused:
        pytest.skip(str(refused))


class Worker(msgspec.Struct, frozen=True):
    """A worker that measures, and what it publishes."""

    bus: mwbus.Connection
    sealer: sealing.Sealer
    windows: list[EdgesMeasured]

    async def write(self, name: str, kind: str, settings: dict[str, Any], **secrets: str) -> None:
        """A connection, as the API would."""
        sealed = connection_secrets.seal(
            self.sealer, {f"/{key}": text for key, text in secrets.items()}, "default", name
        )
        document = Connection(id=name, kind=kind, settings=settings, credentials=[f"/{key}" for key in secrets])
        subject = subjects.fill(subjects.STATE, workspace="default", kind="connection", id=name)
        await self.bus.publisher.publish(subject, ConnectionWritten(document=document, sealed=sealed, principal="ann"))

    async def from_source(self, read_from: str) -> EdgesMeasured:
        """The newest window, once it was read from there and somebody counts."""

        def is_seen() -> EdgesMeasured:
            newest = self.windows[-1]
            assert newest.source is not None and newest.source.read_from == read_from, newest
            assert newest.source.statistics, newest
            return newest

        return await eventually(is_seen, timeout=60)


@asynccontextmanager
async def measured(kubeconfig: str, directory: Path) -> AsyncIterator[Worker]:
    """A worker that has been asked to look at a mesh."""
    options: dict[str, Any] = {"connection_allow": "127.0.0.0/8", "worker_traffic_every": "1"}
    windows: list[EdgesMeasured] = []

    async def listen(message: mwbus.Received) -> None:
        window = message.message()
        assert isinstance(window, EdgesMeasured)
        windows.append(window)

    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "api") as bus:
        worker = Worker(bus, await asyncio.to_thread(sealing.from_file, directory / "secret-keys"), windows)
        await worker.write("local", "kubernetes", {}, kubeconfig=kubeconfig)
        sender = Sender(bus, "istio")
        async with (
            listening.listening(bus, subjects.METRICS.wildcard, listen),
            worker_process("istio", nats.url, directory, **options),
        ):
            operation = await sender.ask(RefreshStatus(), seconds=60)
            assert kinds(await sender.end(operation, 60))[-1] == "succeeded"
            yield worker


def counted(windows: list[EdgesMeasured]) -> Counter[str]:
    """All requests, errors, timed requests, connections and bytes, by who was asked."""
    result = Counter[str]()
    for edge in (edge for window in windows for edge in window.edges):
        result[edge.destination] += edge.requests
        result[f"{edge.destination} failed"] += edge.errors
        result[f"{edge.destination} timed"] += round(sum(bucket.count for bucket in edge.latencies))
        result[f"{edge.destination} opened"] += edge.connections or 0
        result[f"{edge.destination} received"] += edge.received_bytes or 0
    return +result


def secured(windows: list[EdgesMeasured]) -> dict[str, float | None]:
    """The last known share of mutual TLS, by who was asked."""
    return {edge.destination: edge.mutual_tls for window in windows for edge in window.edges}


def slowest(windows: list[EdgesMeasured], destination: str) -> float:
    """The 99th percentile over all windows together."""
    total: histograms.Histogram = {}
    edges = (edge for window in windows for edge in window.edges if edge.destination == destination)
    for bucket in (bucket for edge in edges for bucket in edge.latencies):
        upper = math.inf if bucket.upper_ms is None else bucket.upper_ms
        histograms.add(total, {(bucket.lower_ms, upper): bucket.count})
    return histograms.quantile(total, 0.99) or 0.0


async def traffic(world: SidecarWorld) -> None:
    """20 requests to each HTTP service, of which `ratings` fails 5, and 6 to `db`, which end their connections."""
    for version in ("v1", "v2"):
        world.app("reviews", version).delay = 0.1
    answers = await asyncio.gather(*(world.request("reviews") for _ in range(20)))
    assert {each.status for each in answers} == {200}
    world.app("ratings").status = 503
    for _ in range(5):
        assert (await world.request("ratings")).status == 503
    world.app("ratings").status, world.app("ratings").delay = 200, 0.2
    answers = await asyncio.gather(*(world.request("ratings") for _ in range(15)))
    assert {each.status for each in answers} == {200}
    for _ in range(6):
        assert (await world.request("db", headers={"connection": "close"})).service == "db"


async def scrape(world: SidecarWorld, prometheus: ScrapingServer, seconds: int) -> None:
    """What every Envoy tells now, every 15 s, with the labels that Kubernetes' service discovery gives."""
    pods = {name: world.pod(name) for name in ("client", "ratings-v1", "db-v1")}
    texts = {name: await world.administration(name, "/stats/prometheus?usedonly") for name in pods}
    for _ in range(seconds // 15):
        prometheus.now += 15.0
        for name, pod in pods.items():
            prometheus.scrape(name, texts[name], namespace=pod.namespace, pod=pod.name)


async def test_every_request_is_on_its_edge(
    world: SidecarWorld, kubernetes_server: KubernetesServer, tmp_path: Path
) -> None:
    """What real Envoys counted of real requests, from themselves and from a Prometheus: each once, with what it was."""
    prometheus = ScrapingServer()
    async with measured(kubernetes_server.kubeconfig(), tmp_path) as worker, prometheus.serving() as url:
        windows = worker.windows
        source = (await worker.from_source("proxies")).source
        assert source is not None
        assert (source.statistics, source.proxies, source.silent) == ("envoy", 3, 0)
        assert not any(edge.requests for each in windows for edge in each.edges), (
            "what was before the worker began is no traffic of now"
        )
        await scrape(world, prometheus, 120)
        await traffic(world)
        expected = {"reviews": 20, "ratings": 20, "ratings failed": 5}

        def is_counted() -> bool:
            result = counted(windows)
            assert {each: result[each] for each in (*expected, "db")} == {**expected, "db": 0}, windows[-1]
            # Envoy hands times out every five seconds: those of the world's own first requests may come late.
            assert {result["reviews timed"], result["ratings timed"]} <= {20, 21}, windows[-1]
            assert result["db received"] > 6 * 100, windows[-1]
            assert secured(windows) == {"reviews": 0.0, "ratings": 1.0, "db": 1.0}, windows[-1]
            return True

        await eventually(is_counted, timeout=60)
        edges = [edge for window in windows for edge in window.edges if edge.requests]
        assert {_who(edge) for edge in edges} == {
            (world.namespace, "client", world.namespace, "reviews"),
            (world.namespace, "client", world.namespace, "ratings"),
        }
        assert all(edge.rate > 0 for edge in edges)
        assert counted(windows)["db opened"] == 5, "the first request went by the connection that was open"
        assert slowest(windows, "ratings") >= 180, "the app took 200 ms, and a bucket of Envoy begins at 100 ms"
        await scrape(world, prometheus, 60)
        before = len(windows)
        await worker.write("other", "prometheus", {"url": url, "meshes": ["another"]})
        await worker.write("prom", "prometheus", {"url": url, "meshes": [windows[-1].mesh]})
        window = await worker.from_source("prometheus")
        assert window.source is not None
        assert (window.source.connection, window.source.statistics, window.failure) == ("prom", "envoy", None)
        assert {_who(edge) for edge in window.edges if edge.requests} == {_who(edge) for edge in edges}
        same = counted([window])
        assert {each: same[each] for each in expected} == expected
        assert secured([window])["ratings"] == secured([window])["db"] == 1.0
        twice = [edge for each in windows[before:-1] for edge in each.edges if edge.requests]
        assert not twice, "no request is counted by both"


def _who(edge: Edge) -> tuple[str, str, str, str]:
    return edge.source_namespace, edge.source, edge.destination_namespace, edge.destination
