"""Designs on a real API server with Linkerd's real definitions: read, translated, taken, pruned, refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import meshwright.adapters.linkerd  # noqa: F401 - registers all
from meshwright.adapters.linkerd import checks, status
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.lifecycle import planning
from meshwright.core.security import sealing
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.target_contract import Quiet
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent, NativeResource, intent_kind
from meshwright.schemas.references import ResourceRef
from rig.linkerd.meshes import MINOR, SAMPLES, bookinfo
from rig.proving.recording import Prove

pytestmark = pytest.mark.servers
MESH = kit.MeshRef(workspace="default", connection="k", mesh="prod")
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")


class Connections:
    """Knows one connection."""

    def __init__(self, settings: Kubernetes) -> None:
        self.settings = settings

    async def get(self, workspace: str, connection: str, seq: int = 0) -> OpenConnection[Any]:
        """It, whatever is asked for."""
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self.settings)


class Mesh:
    """The sample application in a namespace of the test's own, and designs on it."""

    def __init__(self, planner: planning.Planner, cluster: k8s.Cluster, namespace: str) -> None:
        self.planner = planner
        self.cluster = cluster
        self.namespace = namespace
        self.former: list[ResourceRef] = []

    async def plan(self, *intents: AnyIntent, resources: tuple[NativeResource, ...] = ()) -> planning.Plan:
        """What a design would do."""
        design = Design(id="canary", namespace=self.namespace, intents=list(intents), resources=list(resources))
        draft = kit.Draft(mesh=MESH, owner="canary", operation="op", revision=1, design=design, former=self.former)
        return await self.planner.dry(draft)

    async def apply(self, *intents: AnyIntent) -> planning.Plan:
        """Apply a design that nothing stands against, and prune what the one before had more."""
        plan = await self.plan(*intents)
        plan.check()
        target, checkpoint = self.planner.target, plan.dry_run.checkpoint
        await target.apply(plan.draft, checkpoint, Quiet())
        await target.wait(plan.draft, checkpoint, Quiet())
        await target.prune(plan.draft, plan.draft.gone(plan.dry_run.inventory), checkpoint, Quiet())
        self.former = plan.dry_run.inventory
        return plan

    async def put(self, api: str, kind: str, name: str, spec: dict[str, Any]) -> None:
        """Apply an object as somebody else does."""
        meta = {"name": name, "namespace": self.namespace}
        await self.cluster.apply({"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}, owner="somebody")

    async def find(self, kind: str, name: str, group: str = "") -> dict[str, Any] | None:
        """An object of the namespace."""
        return await self.cluster.find(ResourceRef(group=group, kind=kind, namespace=self.namespace, name=name))


async def install_bookinfo(mesh: Mesh) -> None:
    """The services and workloads of `bookinfo()`."""
    facts = bookinfo(namespace=mesh.namespace)
    for service in facts.services:
        ports = [{"name": each.name, "port": each.number, "targetPort": each.target} for each in service.ports]
        await mesh.put("v1", "Service", service.name, {"selector": service.selector, "ports": ports})
    for workload in facts.workloads:
        pod = {"serviceAccountName": workload.service_account, "containers": [{"name": "app", "image": "app:1"}]}
        template = {"metadata": {"labels": workload.labels}, "spec": pod}
        spec = {"selector": {"matchLabels": workload.labels}, "template": template}
        account = {"name": workload.service_account, "namespace": mesh.namespace}
        await mesh.cluster.apply({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}, owner="somebody")
        await mesh.put("apps/v1", "Deployment", workload.name, spec)


@pytest.fixture
async def mesh(
    linkerd: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Mesh]:
    """The sample application, enrolled."""
    meta = {"name": namespace, "annotations": {"linkerd.io/inject": "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="test", force=True)
    async with NatsServer(adapters=["linkerd"]) as nats, mwbus.connect(nats.url, "adapter-linkerd") as bus:
        connections: Any = Connections(kubernetes_settings)
        sealer = sealing.Sealer([b"k" * 32])
        runtime = kit.Runtime(bus, "linkerd", "tester", tmp_path, sealer, connections=connections, environ={})
        async with k8s.Clusters(runtime) as clusters:
            planner = await planning.Planner.open(adapter, runtime, clusters, MESH)
            result = Mesh(planner, cluster, namespace)
            await install_bookinfo(result)
            yield result


@pytest.mark.proves
async def test_every_intent_is_taken_and_leaves_nothing(mesh: Mesh, prove: Prove) -> None:
    """All samples in one design: applied, planned again without a change, and gone with it; nobody's object is."""
    routed = [each for each in SAMPLES if not isinstance(each, wishes.EgressControl)]
    plan = await mesh.apply(*SAMPLES)
    kinds = {each.ref.kind for each in plan.dry_run.changes}
    assert kinds >= {"HTTPRoute", "Server", "AuthorizationPolicy", "MeshTLSAuthentication", "HTTPLocalRateLimitPolicy"}
    assert kinds >= {"EgressNetwork", "TLSRoute", "Service", "Deployment"}
    again = await mesh.plan(*SAMPLES)
    assert (again.problems, again.dry_run.changes) == ([], [])
    await mesh.apply(*routed)
    network = ResourceRef(
        group="policy.linkerd.io", kind="EgressNetwork", namespace="linkerd-egress", name="all-egress"
    )
    assert await mesh.cluster.find(network) is None
    await mesh.apply()
    for kind, group in (("Server", "policy.linkerd.io"), ("HTTPRoute", "gateway.networking.k8s.io")):
        found = [each async for each in mesh.cluster.list(group, kind, mesh.namespace)]
        assert found == []
    reviews = await mesh.find("Service", "reviews")
    assert reviews is not None
    assert "annotations" not in reviews["metadata"]
    assert await mesh.find("Service", "reviews-v1") is None
    for each in SAMPLES:
        prove("linkerd", MINOR, intent_kind(type(each)), "accepted")


async def test_services_of_versions_come_and_go_with_the_split_that_needs_them(mesh: Mesh) -> None:
    """A version that a new revision does not name any more has no Service of its own left."""

    def split(*versions: str) -> wishes.TrafficSplit:
        weights = [100 - 10 * (len(versions) - 1), *(10 for _ in versions[1:])]
        backends = [wishes.Backend(version=each, weight=weight) for each, weight in zip(versions, weights, strict=True)]
        return wishes.TrafficSplit(service="reviews", backends=backends)

    await mesh.apply(split("v1", "v2"), TIMEOUT)
    second = await mesh.find("Service", "reviews-v2")
    assert second is not None
    assert second["spec"]["selector"] == {"app": "reviews", "version": "v2"}
    route = await mesh.find("HTTPRoute", "reviews-mesh", "gateway.networking.k8s.io")
    assert route is not None
    assert [(each["name"], each["weight"]) for each in route["spec"]["rules"][0]["backendRefs"]] == [
        ("reviews-v1", 90),
        ("reviews-v2", 10),
    ]
    await mesh.apply(split("v1", "v3"))
    assert await mesh.find("Service", "reviews-v2") is None
    assert await mesh.find("Service", "reviews-v3") is not None
    reviews = await mesh.find("Service", "reviews")
    assert reviews is not None
    assert "timeout.linkerd.io/request" not in (reviews["metadata"].get("annotations") or {})


async def test_what_somebody_else_has_said_is_not_overwritten(mesh: Mesh) -> None:
    """An annotation of a user's, a ServiceProfile and a route: each named, and nothing is applied."""
    meta = {"name": "ratings", "namespace": mesh.namespace, "annotations": {"timeout.linkerd.io/request": "9s"}}
    await mesh.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta}, owner="ann")
    plan = await mesh.plan(wishes.Timeout(service="ratings", timeout="1s"))
    (change,) = [each for each in plan.dry_run.changes if each.ref.name == "ratings"]
    assert "ann" in change.conflict
    with pytest.raises(kit.Reject):
        plan.check()
    name = f"reviews.{mesh.namespace}.svc.cluster.local"
    await mesh.put("linkerd.io/v1alpha2", "ServiceProfile", name, {"routes": []})
    (problem,) = (await mesh.plan(TIMEOUT)).problems
    assert f"ServiceProfile {mesh.namespace}/{name} (of somebody) takes precedence" in problem.detail


async def test_a_route_that_linkerd_would_ignore_is_refused(mesh: Mesh) -> None:
    """The API server would take it: its definition has the field, and the release that is there has not."""
    backend = {"name": "reviews", "port": 9080}
    rule = {"retry": {"attempts": 3}, "backendRefs": [backend]}
    parent = {"group": "", "kind": "Service", "name": "reviews"}
    body = {"spec": {"parentRefs": [parent], "rules": [rule]}}
    route = NativeResource(type="gateway.networking.k8s.io/v1/HTTPRoute", name="r", namespace=mesh.namespace, body=body)
    (problem,) = (await mesh.plan(resources=(route,))).problems
    assert "would ignore the whole route" in problem.detail


async def test_the_mesh_is_told_as_its_installation_is(mesh: Mesh) -> None:
    """Its release, its namespaces and its components, in the categories of its own checks."""
    (plane,) = await status.detect(mesh.cluster)
    assert (plane.namespace, plane.release, plane.minor) == ("linkerd", "edge-26.6.3", "2.20")
    assert mesh.namespace in plane.enrolled
    bad = [each for each in plane.checks if each.result == checks.BAD]
    assert [each.category for each in bad] == ["gateway-api-crd"]  # its bundle says v0.0.0-dev
    seen = status.observed(MESH, "linkerd", plane, None, plane.checks, [])
    assert seen.version == "edge-26.6.3"
    assert {each.type: each.status for each in seen.conditions}["LinkerdExistence"] == "True"
