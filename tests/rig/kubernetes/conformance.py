"""The conformance of adapters of Kubernetes meshes: their samples, and what is to be seen of them in the cluster.

Problem: some operations need a cluster in which a control plane is, others one without any. Invariant: all worlds of a
test process share one cluster, and each begins where no former one has left anything that its operations look at.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.conformance import AdapterConformance, Sample, World
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import intents, subjects
from meshwright.schemas import operations as ops
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.meshes import MeshObserved
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import NamespaceMember
from rig.kubernetes.operating import everything
from rig.kubernetes.worker import connect
from rig.kubernetes.workloads import deployment

SHOP = "meshwright-test-conformance"
"""the same in all worlds, since steps are named after it"""
_NAMESPACE = ResourceRef(kind="Namespace", name=SHOP)
_SERVICES = {"reviews": ("v1", "v2"), "ratings": ("v1",)}


class KubernetesConformance(AdapterConformance):
    """See `AdapterConformance`. A subclass names its operations in `only`, and says how the cluster is `furnished`."""

    load_as: ClassVar[str]
    designed: ClassVar[Sequence[tuple[str, str]]]
    """the kinds that the designs become"""
    others: ClassVar[tuple[AnyIntent, AnyIntent]]
    """what is in one revision of the design alone"""
    plane: ClassVar[str]
    """the namespace of the control plane"""
    part: ClassVar[Literal["labels", "annotations"]] = "labels"
    """of namespaces, by which the mesh goes"""
    upgrade: ClassVar[ops.UpgradeMesh]
    patience: ClassVar[float] = 180.0
    settings: Kubernetes
    install = ops.InstallMesh()
    ready: tuple[ops.Arguments, ...] = ()
    """what must have been done before anything can be asked of the mesh"""
    is_alone: ClassVar[bool]
    """whether nothing but the mesh is in the cluster, so that every object counts"""

    @pytest.fixture(autouse=True)
    def workers(self, monkeypatch: pytest.MonkeyPatch, kubernetes_settings: Kubernetes) -> None:
        """Workers may connect to the cluster, and read charts from anywhere."""
        monkeypatch.setenv("MESHWRIGHT_CONNECTION_ALLOW", "127.0.0.0/8")
        monkeypatch.setenv(f"MESHWRIGHT_{self.load_as.upper()}_CHART_FOLDERS", "/")
        self.settings = kubernetes_settings

    async def furnish(self) -> None:
        """Make the cluster as a new world wants it."""

    @asynccontextmanager
    async def world(self, directory: Path) -> AsyncIterator[World]:
        """A bus that knows the cluster, and in the cluster a namespace with services."""
        await self.furnish()
        async with k8s.Cluster.open(self.settings) as cluster:
            await cluster.delete(_NAMESPACE)
            await eventually(lambda: _is_gone(cluster), timeout=self.patience)
            for body in _shop():
                await cluster.apply(body, owner="me")
        async with super().world(directory) as world:
            await connect(world.sender.bus, directory, self.settings)
            yield world
        async with k8s.Cluster.open(self.settings) as cluster:
            await cluster.delete(_NAMESPACE)

    def design(self, revision: int) -> ops.ApplyDesign:
        """The second revision changes what the first has made, makes something new, and leaves something out."""
        split = intents.TrafficSplit(
            service="reviews",
            backends=[
                intents.Backend(version="v1", weight=100 - revision),
                intents.Backend(version="v2", weight=revision),
            ],
        )
        return ops.ApplyDesign(design=Design(id="d", namespace=SHOP, intents=[split, self.others[revision - 1]]))

    def samples(self, directory: Path) -> dict[str, Sample]:
        """One of each operation, and what is to be seen in the cluster."""
        first, second = self.design(1), self.design(2)
        shops = [NamespaceMember(namespace=SHOP, restart=True)]
        enrol = ops.EnrolWorkloads(workloads=[*shops])
        members = *self.ready, ops.EnrolWorkloads(workloads=[NamespaceMember(namespace=SHOP)])

        async def look(_world: World) -> object:
            async with k8s.Cluster.open(self.settings) as cluster:
                return await self.seen(cluster)

        async def look_also_at_what_is_told(world: World) -> object:
            return await is_managed(world), await look(world)

        def sample(arguments: ops.Arguments, *before: ops.Arguments) -> tuple[str, Sample]:
            return arguments.kind.name, Sample(arguments=arguments, before=before, look=look)

        def installation(arguments: ops.Arguments, *before: ops.Arguments) -> tuple[str, Sample]:
            looking = look_also_at_what_is_told
            return arguments.kind.name, Sample(arguments=arguments, before=before, look=looking)

        async def is_managed(world: World) -> object:
            subject = subjects.fill(subjects.EVENTS, workspace="default", origin=self.load_as, entity="mesh", id="m1")
            received = await world.sender.bus.last("EVENTS", subject)
            return received is not None and isinstance(received.message(), MeshObserved)

        def adoption(arguments: ops.Arguments, *before: ops.Arguments) -> tuple[str, Sample]:
            return arguments.kind.name, Sample(arguments=arguments, before=before, look=is_managed)

        return dict(
            [
                adoption(ops.AdoptMesh()),
                adoption(ops.ForgetMesh(), ops.AdoptMesh()),
                installation(self.install),
                installation(self.upgrade, *self.ready),
                installation(ops.UninstallMesh(definitions="unused"), *self.ready),
                sample(ops.RefreshStatus(), *self.ready),
                sample(enrol, *self.ready),
                sample(ops.WithdrawWorkloads(workloads=[*shops]), *self.ready, enrol),
                sample(second, *members, first),
                sample(ops.RemoveDesign(design="d"), *members, first),
                sample(ops.RollbackDesign(design="d"), *members, first, second),
            ]
        )

    async def seen(self, cluster: k8s.Cluster) -> object:
        """What is to be seen of the mesh and of the namespace, without what each creation makes anew."""
        meta = (await cluster.get(_NAMESPACE))["metadata"]
        marks = {key: value for key, value in (meta.get(self.part) or {}).items() if "kubernetes.io" not in key}
        pods = [each.body for each in await _listed(cluster, "", "Pod", SHOP)]
        containers = [_containers(each) for each in pods if "deletionTimestamp" not in each["metadata"]]
        designed = [
            (each.ref.kind, each.ref.name, each.body["spec"])
            for group, kind in self.designed
            for each in await _listed(cluster, group, kind, SHOP)
        ]
        planes = await _listed(cluster, "apps", "Deployment", self.plane)
        images = [_containers(each.body["spec"]["template"]) for each in planes]
        objects = sorted(await everything(cluster)) if self.is_alone else []
        return marks, sorted(containers), designed, images, objects


async def _is_gone(cluster: k8s.Cluster) -> bool:
    return await cluster.find(_NAMESPACE) is None


def _shop() -> list[dict[str, Any]]:
    """A namespace with services and their versions."""
    made: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SHOP}}]
    for service, versions in _SERVICES.items():
        spec = {"selector": {"app": service}, "ports": [{"name": "http", "port": 80, "appProtocol": "http"}]}
        meta = {"name": service, "namespace": SHOP}
        made.append({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
        for version in versions:
            body = deployment(SHOP, f"{service}-{version}", pods={"app": service, "version": version})
            body["spec"]["selector"] = {"matchLabels": {"app": service, "version": version}}
            made.append(body)
    return made


def _containers(body: dict[str, Any]) -> list[tuple[str, str]]:
    spec = body["spec"]
    return [(each["name"], each["image"]) for each in (*spec.get("initContainers", ()), *spec["containers"])]


async def _listed(cluster: k8s.Cluster, group: str, kind: str, namespace: str) -> list[k8s.Item]:
    """The objects of a kind; none where nobody has defined it."""
    try:
        async with aclosing(cluster.list(group, kind, namespace)) as items:
            return sorted([each async for each in items], key=lambda each: each.ref.name)
    except k8s.NotFound:
        return []
