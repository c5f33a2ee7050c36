"""Who asks whom in a real mesh: a real worker asks real Envoys, which real requests went through."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import listening
from meshwright.core.security import connection_secrets, sealing
from meshwright.core.testing.asking import Asker, kinds
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import subjects
from meshwright.schemas.connections import Connection, ConnectionWritten, Kubernetes
from meshwright.schemas.operations import RefreshStatus
from meshwright.schemas.telemetry import Edge, EdgesMeasured
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = pytest.mark.servers


@pytest.fixture
async def world(kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str) -> AsyncIterator[SidecarWorld]:
    """A client that calls a service of two versions, and another one with a sidecar of its own."""
    services = [Service("reviews", ("v1", "v2")), Service("ratings", sidecar=True)]
    try:
        async with SidecarWorld(kubernetes_server, istiod, namespace, services) as result:
            yield result
    except Refused as refused:
        pytest.skip(str(refused))


@asynccontextmanager
async def measured(settings: Kubernetes, directory: Path) -> AsyncIterator[list[EdgesMeasured]]:
    """The windows that a worker publishes of the mesh `prod`, which it has been asked to look at."""
    options: dict[str, Any] = {"connection_allow": "127.0.0.0/8", "worker_traffic_every": "1"}
    windows: list[EdgesMeasured] = []

    async def listen(message: mwbus.Received) -> None:
        window = message.message()
        assert isinstance(window, EdgesMeasured)
        windows.append(window)

    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "api") as bus:
        sealer = await asyncio.to_thread(sealing.from_file, directory / "secret-keys")
        sealed = connection_secrets.seal(sealer, {"/kubeconfig": settings.kubeconfig}, "default", "local")
        document = Connection(id="local", kind="kubernetes", credentials=["/kubeconfig"])
        subject = subjects.fill(subjects.STATE, workspace="default", kind="connection", id="local")
        await bus.publisher.publish(subject, ConnectionWritten(document=document, sealed=sealed, principal="ann"))
        asker = Asker(bus, "istio")
        async with (
            listening.listening(bus, subjects.METRICS.wildcard, listen),
            worker_process("istio", nats.url, directory, **options),
        ):
            operation = await asker.ask(RefreshStatus(), seconds=60)
            assert kinds(await asker.end(operation, 60))[-1] == "succeeded"
            yield windows


def counted(windows: list[EdgesMeasured]) -> Counter[str]:
    """All requests, and errors, by who was asked."""
    result = Counter[str]()
    for window in windows:
        for edge in window.edges:
            result[edge.destination] += edge.requests
            result[f"{edge.destination} failed"] += edge.errors
    return +result


async def test_every_request_is_on_its_edge(
    world: SidecarWorld, kubernetes_server: KubernetesServer, tmp_path: Path
) -> None:
    """What the client's Envoy has counted, with its errors, from the client to the services; nothing twice."""
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig())
    async with measured(settings, tmp_path) as windows:

        def is_seen() -> bool:
            assert windows[-1].edges, windows[-1]
            return True

        await eventually(is_seen, timeout=60)
        assert not counted(windows), "what was before the worker began is no traffic of now"
        for _ in range(20):
            assert (await world.request("reviews")).status == 200
        world.app("ratings").status = 503
        for _ in range(5):
            assert (await world.request("ratings")).status == 503
        world.app("ratings").status = 200
        for _ in range(15):
            assert (await world.request("ratings")).status == 200
        expected = {"reviews": 20, "ratings": 20, "ratings failed": 5}

        def is_counted() -> bool:
            assert counted(windows) == expected, windows[-1]
            return True

        await eventually(is_counted, timeout=60)
        traffic = [edge for window in windows for edge in window.edges if edge.requests]
        assert {_who(edge) for edge in traffic} == {
            (world.namespace, "client", world.namespace, "reviews"),
            (world.namespace, "client", world.namespace, "ratings"),
        }
        assert all(edge.p50_ms is not None and edge.rate > 0 for edge in traffic)
        source = windows[-1].source
        assert source is not None
        assert (source.read_from, source.statistics, source.proxies, source.silent) == ("proxies", "envoy", 2, 0)


def _who(edge: Edge) -> tuple[str, str, str, str]:
    return edge.source_namespace, edge.source, edge.destination_namespace, edge.destination
