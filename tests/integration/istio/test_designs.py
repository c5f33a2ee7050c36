"""Designs on a real API server with a real istiod: read, translated, taken by the webhook, applied, refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from meshwright.adapters.istio import adapter, status
from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.intents import AnyIntent, intent_kind
from meshwright.schemas.references import ResourceRef
from rig.istio.meshes import bookinfo
from rig.kubernetes.designs import MESH, Designs, designing
from rig.proving.recording import Prove
from testbed.istiod import MINOR, NAMESPACE, Istiod

pytestmark = pytest.mark.servers
GOLDENS = Path(__file__).parents[2] / "unit" / "istio" / "intents" / "goldens"
JSON_LOGS = "accessLogFile: /dev/stdout\naccessLogEncoding: JSON\n"
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")


@pytest.fixture
async def mesh(
    istiod: Istiod, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Designs]:
    """Bookinfo, enrolled with sidecars, in a mesh whose logs are JSON."""
    for kind, name, more in (
        ("Namespace", namespace, {"metadata": {"name": namespace, "labels": {"istio.io/rev": "default"}}}),
        ("ConfigMap", "istio", {"metadata": {"name": "istio", "namespace": NAMESPACE}, "data": {"mesh": JSON_LOGS}}),
    ):
        await cluster.apply({"apiVersion": "v1", "kind": kind, **more}, owner=f"test-{name}", force=True)
    async with designing(adapter, kubernetes_settings, cluster, namespace, tmp_path) as result:
        await result.install(bookinfo(namespace=namespace))
        yield result


@pytest.mark.proves
async def test_every_intent_is_taken_by_the_api_server_and_by_istiod(mesh: Designs, prove: Prove) -> None:
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
async def test_ingress_is_taken_where_a_gateway_stands(mesh: Designs, prove: Prove) -> None:
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


async def test_what_several_intents_say_of_one_host_is_applied_as_one_object(mesh: Designs) -> None:
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


async def test_a_host_that_a_user_or_another_design_routes_is_refused_by_name(mesh: Designs) -> None:
    """Nobody's routes are overwritten, and the way out is told."""
    routes = {"hosts": ["ratings"], "http": [{"route": [_to("ratings")]}]}
    await mesh.put("networking.istio.io/v1", "VirtualService", "legacy", routes)
    (problem,) = (await mesh.plan("canary", wishes.Timeout(service="ratings", timeout="1s"))).problems
    assert f"VirtualService {mesh.namespace}/legacy (of somebody) routes {mesh.namespace}/ratings" in problem.detail
    await mesh.apply("first", TIMEOUT)
    problems = (await mesh.plan("second", wishes.Timeout(service="reviews", timeout="2s"))).problems
    assert any("design first of mesh prod" in each.detail for each in problems)


async def test_designs_that_contradict_each_other_are_refused_by_name(mesh: Designs) -> None:
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


async def test_bad_input_is_told_with_its_place(mesh: Designs) -> None:
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


async def test_the_mesh_is_detected_as_it_stands(mesh: Designs) -> None:
    """Whoever installed it: its revision, its namespaces, and a control plane that is available."""
    (result,) = await status.detect(mesh.cluster)
    assert (result.namespace, result.revision) == (NAMESPACE, "default")
    assert mesh.namespace in result.sidecar_namespaces
    assert {each.type for each in result.conditions} >= {"ControlPlaneReady", "InjectionReady", "ValidationReady"}
    seen = status.observed(MESH, "istio", [result], None, Reading())
    assert seen.state == ("ready" if result.healthy else "degraded")
