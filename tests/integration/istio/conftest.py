"""Istio's operations against a real API server, run in this process as a worker runs them."""

import asyncio
import base64
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from meshwright.adapters.istio import adapter
from meshwright.adapters.istio.charts.installation import Installation, Installations
from meshwright.core import bus as mwbus
from meshwright.core import ids, kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.security import sealing
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import Arguments, Command
from meshwright.schemas.references import ResourceRef
from rig.stack.tls import Authority
from testbed import charts
from testbed.cluster import KubernetesServer

SEALER = sealing.Sealer([b"k" * 32])
ADMIT = "/inject"
PASSING = {
    "Event", "Endpoints", "EndpointSlice", "ControllerRevision", "Pod", "ReplicaSet", "PodMetrics", "IPAddress",
    "APIService",
}  # fmt: skip
"""what the cluster makes by itself of other objects"""
SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")


@pytest.fixture
def kubernetes_settings(kubernetes_server: KubernetesServer) -> Kubernetes:
    """A cluster of the tests' own, whoever names another: Istio is installed in it, and removed from it."""
    return Kubernetes(kubeconfig=kubernetes_server.kubeconfig())


@pytest.fixture
def istio_charts() -> Path:
    """Istio's own charts."""
    result = charts.istio_charts()
    if result is None:
        pytest.skip(charts.MISSING)
    return result


class Admission:
    """Admits every pod, in the place of an istiod that no node of these tests runs."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority(folder)
        self.authority.tls("127.0.0.1")
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self.port = 0
        self.runner: web.AppRunner

    @property
    def values(self) -> dict[str, Any]:
        """The values of Istio's chart that have the API server ask here."""
        bundle = base64.b64encode(self.authority.file.read_bytes()).decode()
        url = f"https://127.0.0.1:{self.port}{ADMIT}"
        return {"istiodRemote": {"injectionURL": url, "injectionCABundle": bundle}}

    async def answer(self, request: web.Request) -> web.Response:
        """Yes."""
        asked = await request.json()
        response = {"uid": asked["request"]["uid"], "allowed": True}
        return web.json_response({"apiVersion": asked["apiVersion"], "kind": asked["kind"], "response": response})

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_post(ADMIT, self.answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=self._context).start()
        self.port = self.runner.addresses[0][1]


@pytest.fixture
async def admission(tmp_path: Path) -> AsyncIterator[Admission]:
    """An injector that injects nothing."""
    result = await asyncio.to_thread(Admission, tmp_path)
    await result.start()
    yield result
    await result.runner.cleanup()


class Connections:
    """Knows one connection."""

    def __init__(self, settings: Kubernetes) -> None:
        self.settings = settings

    async def get(self, workspace: str, connection: str, seq: int = 0) -> OpenConnection[Any]:
        """It, whatever is asked for."""
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self.settings)


class Operator:
    """Runs operations as the host does, on the mesh `prod`."""

    def __init__(self, bus: mwbus.Connection, runtime: kit.Runtime, clusters: k8s.Clusters, charts: Path) -> None:
        self.bus = bus
        self.runtime = runtime
        self.clusters = clusters
        self.values: dict[str, Any] = {"charts": str(charts)}
        self.lines: list[str] = []

    async def cluster(self) -> k8s.Cluster:
        """The cluster of the mesh."""
        return await self.clusters.get("default", "k")

    def command(self, arguments: Arguments, **more: Any) -> Command:
        """The command that asks for an operation on the mesh."""
        now = datetime.datetime.now(datetime.UTC)
        command = Command(
            operation=ids.fresh(),
            workspace="default",
            adapter="istio",
            connection="k",
            mesh="prod",
            kind=arguments.kind.name,
            version=arguments.kind.version,
            arguments=msgspec.to_builtins(arguments),
            principal="tester",
            accepted_at=now,
            deadline=now + datetime.timedelta(minutes=5),
        )
        return msgspec.structs.replace(command, **more)

    def context(self, command: Command, journal: kit.Journal | None = None) -> kit.Context:
        """What one attempt gets."""
        journal = journal or kit.Journal(self.bus, command)
        return kit.Context(command, self.runtime, journal, kit.Control(), self.clusters)

    async def handle(self, context: kit.Context, arguments: Arguments) -> Any:
        """One attempt at an operation."""
        return await adapter.operations[context.command.kind].handler(context, arguments)

    async def do(self, arguments: Arguments) -> Any:
        """Run an operation; one that fails is undone."""
        context = self.context(self.command(arguments))
        try:
            return await self.handle(context, arguments)
        except Exception:
            assert await context.undo_all()
            raise

    async def find(self, kind: str, name: str, namespace: str = "", group: str = "") -> Any:
        """An object of the cluster, or None."""
        ref = ResourceRef(group=group, kind=kind, namespace=namespace, name=name)
        return await (await self.cluster()).find(ref)

    async def record(self) -> Installation | None:
        """What is recorded of the mesh."""
        records = await Installations.open(self.runtime)
        return await records.get(kit.MeshRef(workspace="default", connection="k", mesh="prod"))

    async def everything(self) -> set[str]:
        """Every object of the cluster that lasts, by its reference."""
        cluster = await self.cluster()
        cluster.discovery.forget()
        collected = set()
        for api in await cluster.discovery.all():
            if "list" in api.verbs and api.kind not in PASSING:
                with suppress(k8s.NotFound):  # a kind whose definition goes just now
                    async with aclosing(cluster.list(api.group, api.kind)) as items:
                        refs = [each.ref async for each in items]
                    collected |= {str(each) for each in refs if not each.namespace.startswith("kube-")}
        return collected - {"ServiceAccount default/default", "ConfigMap default/kube-root-ca.crt"}


async def emptied(settings: Kubernetes) -> None:
    """Take everything away that an earlier test has left in the cluster."""
    async with k8s.Cluster.open(settings) as cluster:
        for api in await cluster.discovery.all():
            if api.kind.endswith("WebhookConfiguration") or api.kind == "CustomResourceDefinition":
                await remove(cluster, api, "")
            elif api.kind in ("ClusterRole", "ClusterRoleBinding"):
                await remove(cluster, api, "istio")
            elif api.kind == "Namespace":
                await remove(cluster, api, "", *SYSTEM)
        for namespace in ("default",):
            for kind in ("Deployment", "Service", "ConfigMap"):
                async with aclosing(cluster.list("apps" if kind == "Deployment" else "", kind, namespace)) as items:
                    for each in [each.ref async for each in items]:
                        if each.name not in ("kubernetes", "kube-root-ca.crt"):
                            await cluster.delete(each)
        await eventually(lambda: empty(cluster), timeout=60)


async def remove(cluster: k8s.Cluster, api: k8s.Api, word: str, *but: str) -> None:
    """Delete the objects of a kind that have this word in their names."""
    async with aclosing(cluster.list(api.group, api.kind)) as items:
        for each in [each.ref async for each in items]:
            if word in each.name and each.name not in but:
                await cluster.delete(each)


async def empty(cluster: k8s.Cluster, *but: str) -> bool:
    """Whether no namespace of a test is there any more."""
    async with aclosing(cluster.list("", "Namespace")) as items:
        return all([each.ref.name in (*SYSTEM, *but) async for each in items])


@asynccontextmanager
async def operating(settings: Kubernetes, charts: Path, directory: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations of this adapter on a cluster."""
    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "adapter-istio") as bus:
        connections: Any = Connections(settings)
        environ = {"MESHWRIGHT_ISTIO_CHART_FOLDERS": "/"}
        runtime = kit.Runtime(bus, "istio", "tester", directory, SEALER, connections=connections, environ=environ)
        async with k8s.Clusters(runtime) as clusters:
            yield Operator(bus, runtime, clusters, charts)


@pytest.fixture
async def operator(kubernetes_settings: Kubernetes, istio_charts: Path, tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations of this adapter on a cluster without Istio."""
    await emptied(kubernetes_settings)
    async with operating(kubernetes_settings, istio_charts, tmp_path) as result:
        yield result


@pytest.fixture
async def furnished(kubernetes_settings: Kubernetes, istio_charts: Path, tmp_path: Path) -> AsyncIterator[Operator]:
    """The same where Istio may be there already, and nothing else of an earlier test."""
    async with k8s.Cluster.open(kubernetes_settings) as cluster:
        for api in await cluster.discovery.all():
            if api.kind == "Namespace":
                await remove(cluster, api, "", *SYSTEM, "istio-system")
        await eventually(lambda: empty(cluster, "istio-system"), timeout=60)
    async with operating(kubernetes_settings, istio_charts, tmp_path) as result:
        yield result
