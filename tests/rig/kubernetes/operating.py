"""Operations of an adapter against a real API server, run in this process as a worker runs them.

Invariant: the cluster is the test process's own; an operation that fails is undone, as the host would.
"""

import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.core.testing import sending
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import Arguments, Command
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.designs import SEALER, Connections

PASSING = {
    "Event", "Endpoints", "EndpointSlice", "ControllerRevision", "Pod", "ReplicaSet", "PodMetrics", "IPAddress",
    "APIService",
}  # fmt: skip
"""what the cluster makes by itself of other objects"""
OF_EVERY_NAMESPACE = re.compile(r"(ConfigMap \S+/kube-root-ca\.crt|ServiceAccount \S+/default)")
"""what the cluster makes in every namespace, some time after it"""
SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")


class Operator:
    """Runs operations as the host does, on the mesh `prod`."""

    def __init__(
        self,
        adapter: kit.Adapter,
        bus: mwbus.Connection,
        runtime: kit.Runtime,
        clusters: k8s.Clusters,
        charts: Path,
    ) -> None:
        self.adapter = adapter
        self.bus = bus
        self.runtime = runtime
        self.clusters = clusters
        self.values: dict[str, Any] = {"charts": str(charts)}
        self.control = kit.Control()
        """of the newest attempt"""

    async def cluster(self) -> k8s.Cluster:
        """The cluster of the mesh."""
        return await self.clusters.get("default", "k")

    def command(self, arguments: Arguments, **more: Any) -> Command:
        """The command that asks for an operation on the mesh."""
        usual = sending.command(
            seconds=300,
            adapter=self.adapter.name,
            connection="k",
            mesh="prod",
            kind=arguments.kind.name,
            version=arguments.kind.version,
            arguments=msgspec.to_builtins(arguments),
        )
        return msgspec.structs.replace(usual, **more)

    def context(self, command: Command, journal: kit.Journal | None = None) -> kit.Context:
        """What one attempt gets."""
        journal, self.control = journal or kit.Journal(self.bus, command), kit.Control()
        return kit.Context(command, self.runtime, journal, self.control, self.clusters)

    async def handle(self, context: kit.Context, arguments: Arguments) -> Any:
        """One attempt at an operation."""
        return await self.adapter.operations[context.command.kind].handler(context, arguments)

    async def do(self, arguments: Arguments, *, journal: type[kit.Journal] = kit.Journal, clean: bool = True) -> Any:
        """Run an operation; one that fails is undone, wholly if `clean`."""
        command = self.command(arguments)
        context = self.context(command, journal(self.bus, command))
        try:
            return await self.handle(context, arguments)
        except Exception:
            assert await context.undo_all() is clean
            raise

    async def previewed(self, arguments: Arguments) -> dict[str, str]:
        """What a preview says of each object."""
        assert self.adapter.previewer is not None
        command = self.command(arguments)
        result = await self.adapter.previewer(kit.PreviewContext(command, self.runtime, self.clusters))
        assert result is not None
        assert result.problems == [], result.problems
        return {str(each.ref): each.change for each in result.diff}

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
        return await everything(await self.cluster())


async def everything(cluster: k8s.Cluster) -> set[str]:
    """Every object of a cluster that lasts, by its reference."""
    cluster.discovery.forget()
    collected = set()
    for api in await cluster.discovery.all():
        if "list" in api.verbs and api.kind not in PASSING:
            with suppress(k8s.NotFound):  # a kind whose definition goes just now
                async with aclosing(cluster.list(api.group, api.kind)) as items:
                    refs = [each.ref async for each in items]
                collected |= {str(each) for each in refs if not each.namespace.startswith("kube-")}
    return {each for each in collected if not OF_EVERY_NAMESPACE.fullmatch(each)}


async def emptied(settings: Kubernetes, word: str) -> None:
    """Take everything away that an earlier test has left in the cluster, with all roles that have this word in them."""
    async with k8s.Cluster.open(settings) as cluster:
        for api in await cluster.discovery.all():
            if api.kind.endswith("WebhookConfiguration") or api.kind == "CustomResourceDefinition":
                await remove(cluster, api, "")
            elif api.kind in ("ClusterRole", "ClusterRoleBinding"):
                await remove(cluster, api, word)
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
async def operating(
    adapter: kit.Adapter, settings: Kubernetes, charts: Path, directory: Path
) -> AsyncIterator[Operator]:
    """Somebody who runs operations of an adapter on a cluster."""
    name = adapter.name
    async with NatsServer(adapters=[name]) as nats, mwbus.connect(nats.url, f"adapter-{name}") as bus:
        connections: Any = Connections(settings)
        environ = {f"MESHWRIGHT_{name.upper()}_CHART_FOLDERS": "/"}
        runtime = kit.Runtime(bus, name, "tester", directory, SEALER, connections=connections, environ=environ)
        async with k8s.Clusters(runtime) as clusters:
            yield Operator(adapter, bus, runtime, clusters, charts)
