"""Designs on a real API server, planned and applied in this process as a worker does it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.kubernetes.facts import KubernetesFacts
from meshwright.core.kit.lifecycle import planning
from meshwright.core.security import sealing
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.target_contract import Quiet
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent, NativeResource
from meshwright.schemas.references import ResourceRef

MESH = kit.MeshRef(workspace="default", connection="k", mesh="prod")
SEALER = sealing.Sealer([b"k" * 32])


class Connections:
    """Knows one connection."""

    def __init__(self, settings: Kubernetes) -> None:
        self.settings = settings

    async def get(self, workspace: str, connection: str, seq: int = 0) -> OpenConnection[Any]:
        """It, whatever is asked for."""
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self.settings)


class Designs:
    """A namespace of the test's own on the mesh `prod`, and designs on it."""

    def __init__(self, planner: planning.Planner, cluster: k8s.Cluster, namespace: str) -> None:
        self.planner = planner
        self.cluster = cluster
        self.namespace = namespace
        self.former: dict[str, list[ResourceRef]] = {}

    async def plan(
        self, name: str, *intents: AnyIntent, resources: tuple[NativeResource, ...] = (), take_over: bool = False
    ) -> planning.Plan:
        """What a design would do."""
        design = Design(id=name, namespace=self.namespace, intents=list(intents), resources=list(resources))
        draft = kit.Draft(
            mesh=MESH,
            owner=name,
            operation="op",
            revision=1,
            design=design,
            take_over=take_over,
            former=self.former.get(name, []),
        )
        return await self.planner.dry(draft)

    async def apply(self, name: str, *intents: AnyIntent) -> planning.Plan:
        """Apply a design that nothing stands against, and prune what the one before had more."""
        plan = await self.plan(name, *intents)
        plan.check()
        target, checkpoint = self.planner.target, plan.dry_run.checkpoint
        await target.apply(plan.draft, checkpoint, Quiet())
        await target.wait(plan.draft, checkpoint, Quiet())
        await target.prune(plan.draft, plan.draft.gone(plan.dry_run.inventory), checkpoint, Quiet())
        self.former[name] = plan.dry_run.inventory
        return plan

    async def put(self, api: str, kind: str, name: str, spec: dict[str, Any], owner: str = "somebody") -> None:
        """Apply an object as somebody else does."""
        meta = {"name": name, "namespace": self.namespace}
        await self.cluster.apply({"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}, owner=owner)

    async def find(self, kind: str, name: str, group: str = "") -> dict[str, Any] | None:
        """An object of the namespace."""
        return await self.cluster.find(ResourceRef(group=group, kind=kind, namespace=self.namespace, name=name))

    async def install(self, facts: KubernetesFacts) -> None:
        """The services and workloads of facts."""
        for service in facts.services:
            ports = [
                {
                    "name": each.name,
                    "port": each.number,
                    "targetPort": each.target,
                    **({"appProtocol": each.app_protocol} if each.app_protocol else {}),
                }
                for each in service.ports
            ]
            await self.put("v1", "Service", service.name, {"selector": service.selector, "ports": ports})
        for workload in facts.workloads:
            account = {"name": workload.service_account, "namespace": self.namespace}
            await self.cluster.apply(
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}, owner="somebody"
            )
            pod = {"serviceAccountName": workload.service_account, "containers": [{"name": "app", "image": "app:1"}]}
            meta: dict[str, Any] = {"labels": workload.labels}
            if workload.annotations:  # else whoever applies this would own annotations as a whole
                meta["annotations"] = workload.annotations
            template = {"metadata": meta, "spec": pod}
            spec = {"selector": {"matchLabels": workload.labels}, "template": template}
            await self.put("apps/v1", "Deployment", workload.name, spec)


@asynccontextmanager
async def designing(
    adapter: kit.Adapter, settings: Kubernetes, cluster: k8s.Cluster, namespace: str, directory: Path
) -> AsyncIterator[Designs]:
    """Somebody who plans and applies designs by an adapter."""
    async with NatsServer(adapters=[adapter.name]) as nats, mwbus.connect(nats.url, f"adapter-{adapter.name}") as bus:
        connections: Any = Connections(settings)
        runtime = kit.Runtime(bus, adapter.name, "tester", directory, SEALER, connections=connections, environ={})
        async with k8s.Clusters(runtime) as clusters:
            yield Designs(await planning.Planner.open(adapter, runtime, clusters, MESH), cluster, namespace)
