"""Designs on a real API server with a real istiod: read, translated, taken by the webhook, applied, refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from meshwright.adapters.istio import adapter, status
from meshwright.adapters.istio.proxies.reading import Reading
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
from meshwright.schemas.intents import AnyIntent, intent_kind
from meshwright.schemas.references import ResourceRef
from rig.istio.meshes import bookinfo
from rig.proving.recording import Prove
from testbed.istiod import MINOR, NAMESPACE, Istiod

pytestmark = pytest.mark.servers
GOLDENS = Path(__file__).parents[2] / "unit" / "istio" / "intents" / "goldens"
MESH = kit.MeshRef(workspace="default", connection="k", mesh="prod")
JSON_LOGS = "accessLogFile: /dev/stdout\naccessLogEncoding: JSON\n"
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")


class Connections:
    """Knows one connection."""

    def __init__(self, settings: Kubernetes) -> None:
        self.settings = settings

    async def get(self, workspace: str, connection: str, seq: int = 0) -> OpenConnection[Any]:
        """It, whatever is asked for."""
        return OpenConnection(workspace=workspace, id=connection, kind="kubernetes", settings=self.settings)


class Mesh:
    """Bookinfo in a namespace of the test's own, and designs on it."""

    def __init__(self, planner: planning.Planner, cluster: k8s.Cluster, namespace: str) -> None:
        self.planner = planner
        self.cluster = cluster
        self.namespace = namespace

    async def plan(self, name: str, *intents: AnyIntent, take_over: bool = False) -> planning.Plan:
        """What a design would do."""
        design = Design(id=name, namespace=self.namespace, intents=list(intents))
        draft = kit.Draft(
            mesh=MESH, owner=name, operation="op", revision=1, design=design, take_over=take_over, former=[]
        )
        return await self.planner.dry(draft)

    async def apply(self, name: str, *intents: AnyIntent) -> planning.Plan:
        """Apply a design that nothing stands against."""
        plan = await self.plan(name, *intents)
        plan.check()
        await self.planner.target.apply(plan.draft, plan.dry_run.checkpoint, Quiet())
        await self.planner.target.wait(plan.draft, plan.dry_run.checkpoint, Quiet())
        return plan

    async def put(self, kind: str, name: str, spec: dict[str, Any], api: str = "networking.istio.io/v1") -> None:
        """Apply an object as somebody else does."""
        meta = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}
        await self.cluster.apply(body, owner="somebody")


async def install_bookinfo(mesh: Mesh) -> None:
    """The services and workloads of `bookinfo()`."""
    facts = bookinfo(namespace=mesh.namespace)
    for service in facts.services:
        ports = [{"name": each.name, "port": each.number} for each in service.ports]
        await mesh.put("Service", service.name, {"selector": service.selector, "ports": ports}, "v1")
    for workload in facts.workloads:
        template = {
            "metadata": {"labels": workload.labels},
            "spec": {
                "serviceAccountName": workload.service_account,
                "containers": [{"name": "app", "image": "example.invalid/app:1"}],
            },
        }
        spec = {"selector": {"matchLabels": workload.labels}, "template": template}
        await mesh.put("Deployment", workload.name, spec, "apps/v1")


@pytest.fixture
async def mesh(
    istiod: Istiod, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Mesh]:
    """Bookinfo, enrolled with sidecars, in a mesh whose logs are JSON."""
    for kind, name, more in (
        ("Namespace", namespace, {"metadata": {"name": namespace, "labels": {"istio.io/rev": "default"}}}),
        ("ConfigMap", "istio", {"metadata": {"name": "istio", "namespace": NAMESPACE}, "data": {"mesh": JSON_LOGS}}),
    ):
        await cluster.apply({"apiVersion": "v1", "kind": kind, **more}, owner=f"test-{name}", force=True)
    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "adapter-istio") as bus:
        connections: Any = Connections(kubernetes_settings)
        sealer = sealing.Sealer([b"k" * 32])
        runtime = kit.Runtime(bus, "istio", "tester", tmp_path, sealer, connections=connections, environ={})
        async with k8s.Clusters(runtime) as clusters:
            planner = await planning.Planner.open(adapter, runtime, clusters, MESH)
            result = Mesh(planner, cluster, namespace)
            await install_bookinfo(result)
            yield result


@pytest.mark.proves
async def test_every_intent_is_taken_by_the_api_server_and_by_istiod(mesh: Mesh, prove: Prove) -> None:
    """The dry run of each golden passes schemas, rules and istiod's own validation."""
    for path in sorted(GOLDENS.glob("*.yaml")):
        golden = yaml.safe_load(path.read_text())
        if golden["mesh"] != "sidecar" or "ingress" in {each["intent"] for each in golden["intents"]}:
            continue
        intents = msgspec.convert(golden["intents"], type=list[AnyIntent])
        plan = await mesh.plan("canary", *intents)
        assert (path.stem, plan.unsupported, plan.problems) == (path.stem, [], [])
        wanted = {each["kind"] for each in golden["becomes"]["resources"]}
        assert {each.ref.kind for each in plan.dry_run.changes} == wanted, path.stem
        for each in intents:
            prove("istio", MINOR, intent_kind(type(each)), "accepted")


@pytest.mark.proves
async def test_ingress_is_taken_where_a_gateway_stands(mesh: Mesh, prove: Prove) -> None:
    """Proxies that the injector makes are found by their template; without them the refusal says what is missing."""
    exposed = wishes.Ingress(host="shop.example.com", service="productpage")
    (refused,) = (await mesh.plan("canary", exposed)).unsupported
    assert "no ingress gateway" in refused.because
    labels = {"istio": mesh.namespace}
    meta = {"labels": labels, "annotations": {"inject.istio.io/templates": "gateway"}}
    pod = {"metadata": meta, "spec": {"containers": [{"name": "istio-proxy", "image": "auto"}]}}
    name = {"name": "edge", "namespace": mesh.namespace, "labels": labels}
    body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": name}
    spec = {"selector": {"matchLabels": labels}, "template": pod}
    await mesh.cluster.apply({**body, "spec": spec}, owner="somebody")
    plan = await mesh.apply("canary", exposed)
    assert {each.ref.kind for each in plan.dry_run.changes} == {"Gateway", "VirtualService"}
    prove("istio", MINOR, "ingress", "accepted")


async def test_what_several_intents_say_of_one_host_is_applied_as_one_object(mesh: Mesh) -> None:
    """Applied, planned again without a change, and gone when the design asks for nothing any more."""
    split = wishes.TrafficSplit(
        service="reviews", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v3", weight=10)]
    )
    await mesh.apply("canary", split, TIMEOUT)
    ref = ResourceRef(group="networking.istio.io", kind="VirtualService", namespace=mesh.namespace, name="reviews")
    (route,) = (await mesh.cluster.get(ref))["spec"]["http"]
    assert route["timeout"] == "1s"
    assert [each["weight"] for each in route["route"]] == [90, 10]
    again = await mesh.plan("canary", split, TIMEOUT)
    assert (again.problems, again.dry_run.changes) == ([], [])


async def test_a_host_that_a_user_or_another_design_routes_is_refused_by_name(mesh: Mesh) -> None:
    """Nobody's routes are overwritten, and the way out is told."""
    await mesh.put("VirtualService", "legacy", {"hosts": ["ratings"], "http": [{"route": [_to("ratings")]}]})
    (problem,) = (await mesh.plan("canary", wishes.Timeout(service="ratings", timeout="1s"))).problems
    assert f"VirtualService {mesh.namespace}/legacy (of somebody) routes {mesh.namespace}/ratings" in problem.detail
    await mesh.apply("first", TIMEOUT)
    problems = (await mesh.plan("second", wishes.Timeout(service="reviews", timeout="2s"))).problems
    assert any("design first of mesh prod" in each.detail for each in problems)


async def test_designs_that_contradict_each_other_are_refused_by_name(mesh: Mesh) -> None:
    """Whatever the kind: the second one says whose object is in its way, and would change nothing."""
    limits = [wishes.RateLimit(service="details", requests=each) for each in (5, 9)]
    balancing = [wishes.LoadBalancing(service="ratings", policy=each) for each in ("random", "least-request")]
    modes = [wishes.MutualTls(mode=each, service="productpage") for each in ("strict", "permissive")]
    splits = [
        wishes.TrafficSplit(service="reviews", backends=[wishes.Backend(version=each, weight=100)])
        for each in ("v1", "v2")
    ]
    pairs: list[tuple[AnyIntent, ...]] = [tuple(each) for each in (limits, balancing, modes, splits)]
    await mesh.apply("first", *(one for one, _ in pairs))
    for _, other in pairs:
        plan = await mesh.plan("second", other)
        words = [each.detail for each in plan.problems] + [each.conflict for each in plan.dry_run.changes]
        assert any("design first of mesh prod" in each for each in words), (other, words)
        with pytest.raises(kit.Reject) as rejected:
            plan.check()
        assert "design first of mesh prod" in str(rejected.value.failure)


def _to(host: str) -> dict[str, Any]:
    return {"destination": {"host": host}}


async def test_bad_input_is_told_with_its_place(mesh: Mesh) -> None:
    """Services and versions that are not there, a regular expression that istiod refuses."""
    design: list[AnyIntent] = [
        wishes.Timeout(service="nowhere", timeout="1s"),
        wishes.Mirror(service="reviews", version="v9"),
    ]
    told = [(each.pointer, each.detail) for each in (await mesh.plan("canary", *design)).problems]
    assert [pointer for pointer, _ in told] == ["#/intents/0/service", "#/intents/1/version"]
    assert "details, productpage, ratings, reviews" in told[0][1]
    assert "v1, v2, v3" in told[1][1]
    header = wishes.HeaderMatch(name="x", regex="(")
    (refused,) = (
        await mesh.plan("canary", wishes.HeaderRoute(service="reviews", header=header, version="v2"))
    ).problems
    assert "regex" in refused.detail


async def test_the_mesh_is_detected_as_it_stands(mesh: Mesh) -> None:
    """Whoever installed it: its revision, its namespaces, and a control plane that is available."""
    (result,) = await status.detect(mesh.cluster)
    assert (result.namespace, result.revision) == (NAMESPACE, "default")
    assert mesh.namespace in result.sidecar_namespaces
    assert {each.type for each in result.conditions} >= {"ControlPlaneReady", "InjectionReady", "ValidationReady"}
    seen = status.observed(MESH, "istio", [result], None, Reading())
    assert seen.state == ("ready" if result.healthy else "degraded")
