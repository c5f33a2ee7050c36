"""Designs on a real API server with Kuma's real definitions: read, translated, taken, pruned, refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import meshwright.adapters.kuma  # noqa: F401 - registers all
from meshwright.adapters.kuma.adapter import adapter
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.intents import intent_kind
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.designs import Designs, designing
from rig.kuma.meshes import SAMPLES, bookinfo
from rig.proving.recording import Prove

pytestmark = pytest.mark.servers
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")
STRICT = wishes.MutualTls(mode="strict")
GROUP = "kuma.io"


@pytest.fixture
async def mesh(
    kuma: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Designs]:
    """The sample application, enrolled."""
    meta = {"name": namespace, "labels": {"kuma.io/sidecar-injection": "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="test", force=True)
    async with designing(adapter, kubernetes_settings, cluster, namespace, tmp_path) as result:
        await result.install(bookinfo(namespace=namespace))
        yield result


def of_system(kind: str) -> ResourceRef:
    """The policy of a kind that is for the whole mesh."""
    return ResourceRef(group=GROUP, kind=kind, namespace="kuma-system", name="default-all")


@pytest.mark.proves
async def test_every_intent_is_taken_and_leaves_nothing(mesh: Designs, prove: Prove) -> None:
    """All samples in one design: applied, planned again without a change, and gone with it; nobody's object is."""
    plan = await mesh.apply("canary", *SAMPLES)
    kinds = {each.ref.kind for each in plan.dry_run.changes}
    assert kinds >= {"MeshHTTPRoute", "MeshRetry", "MeshTimeout", "MeshCircuitBreaker", "MeshLoadBalancingStrategy"}
    assert kinds >= {"MeshFaultInjection", "MeshRateLimit", "MeshAccessLog", "MeshTLS", "MeshTrafficPermission"}
    assert kinds >= {"MeshIdentity", "MeshPassthrough", "Service"}
    again = await mesh.plan("canary", *SAMPLES)
    assert (again.problems, again.dry_run.changes) == ([], [])
    await mesh.apply("canary", TIMEOUT)
    assert await mesh.cluster.find(of_system("MeshIdentity")) is None
    assert await mesh.find("Service", "reviews-v1") is None
    await mesh.apply("canary")
    for kind in ("MeshHTTPRoute", "MeshTimeout", "MeshTrafficPermission"):
        assert [each async for each in mesh.cluster.list(GROUP, kind)] == []
    assert await mesh.find("Service", "reviews") is not None
    for each in SAMPLES:
        prove("kuma", "3.0", intent_kind(type(each)), "accepted")


async def test_what_mutual_tls_will_refuse_is_said_before_it_happens(mesh: Designs) -> None:
    """The preview says that calls will be refused, and to which services nothing allows any."""
    plan = await mesh.plan("secure", STRICT, wishes.Allow(source="reviews", service="ratings"))
    (notes,) = [each.notes for each in plan.translations if each.intent == "mutual-tls"]
    assert "refuses every call between proxies that no MeshTrafficPermission allows" in notes[0]
    assert f"{mesh.namespace}/details" in notes[1]
    assert f"{mesh.namespace}/ratings" not in notes[1]
    (shut,) = (await mesh.plan("shut", wishes.DenyAll(service="ratings"))).unsupported
    assert "have no identities" in shut.because


async def test_a_split_leads_to_services_of_versions_by_their_labels(mesh: Designs) -> None:
    """The route names the Services by the labels that Kuma gives their MeshServices, with weights."""
    split = wishes.TrafficSplit(
        service="reviews",
        backends=[wishes.Backend(version="v1", weight=75), wishes.Backend(version="v2", weight=25)],
    )
    await mesh.apply("canary", split)
    second = await mesh.find("Service", "reviews-v2")
    assert second is not None
    assert second["spec"]["selector"] == {"app": "reviews", "version": "v2"}
    assert second["spec"]["ports"][0]["appProtocol"] == "http"
    route = await mesh.find("MeshHTTPRoute", "reviews", GROUP)
    assert route is not None
    assert route["metadata"]["labels"]["kuma.io/mesh"] == "default"
    (to,) = route["spec"]["to"]
    assert to["targetRef"]["labels"] == {"kuma.io/display-name": "reviews", "k8s.kuma.io/namespace": mesh.namespace}
    shares = to["rules"][-1]["default"]["backendRefs"]
    assert [(each["labels"]["kuma.io/display-name"], each["weight"]) for each in shares] == [
        ("reviews-v1", 75),
        ("reviews-v2", 25),
    ]


async def test_what_others_have_said_is_told_and_not_merged(mesh: Designs) -> None:
    """A policy of somebody's for the same service, a wide permission, a route of the Gateway API: each named."""
    labels = {"kuma.io/display-name": "reviews", "k8s.kuma.io/namespace": mesh.namespace}
    to = [{"targetRef": {"kind": "MeshService", "labels": labels}, "default": {"connectionTimeout": "5s"}}]
    await mesh.put("kuma.io/v1alpha1", "MeshTimeout", "theirs", {"to": to})
    (problem,) = (await mesh.plan("canary", TIMEOUT)).problems
    assert "theirs (of somebody) says it of" in problem.detail
    everybody = [{"spiffeID": {"type": "Prefix", "value": "spiffe://default.default.mesh.local"}}]
    await mesh.put("kuma.io/v1alpha1", "MeshTrafficPermission", "wide", {"rules": [{"default": {"allow": everybody}}]})
    (problem,) = (await mesh.plan("shut", STRICT, wishes.DenyAll(service="ratings"))).problems
    assert "wide (of somebody) lets others call" in problem.detail


async def test_a_port_without_a_protocol_takes_no_intent_about_requests(mesh: Designs) -> None:
    """Kuma would carry its bytes and ignore the policy, without a word."""
    spec = {"selector": {"app": "ratings"}, "ports": [{"port": 9080, "targetPort": 9080}]}
    await mesh.put("v1", "Service", "plain", spec)
    (refused,) = (await mesh.plan("canary", wishes.Timeout(service="plain", timeout="1s"))).unsupported
    assert "appProtocol: http" in refused.instead
