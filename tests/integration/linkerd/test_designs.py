"""Designs on a real API server with Linkerd's real definitions: read, translated, taken, pruned, refused by name."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import meshwright.adapters.linkerd  # noqa: F401 - registers all
from meshwright.adapters.linkerd import checks, status
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.intents import NativeResource, intent_kind
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.designs import MESH, Designs, designing
from rig.linkerd.meshes import MINOR, SAMPLES, bookinfo
from rig.proving.recording import Prove

pytestmark = pytest.mark.servers
TIMEOUT = wishes.Timeout(service="reviews", timeout="1s")


@pytest.fixture
async def mesh(
    linkerd: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Designs]:
    """The sample application, enrolled."""
    meta = {"name": namespace, "annotations": {"linkerd.io/inject": "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="test", force=True)
    async with designing(adapter, kubernetes_settings, cluster, namespace, tmp_path) as result:
        await result.install(bookinfo(namespace=namespace))
        yield result


@pytest.mark.proves
async def test_every_intent_is_taken_and_leaves_nothing(mesh: Designs, prove: Prove) -> None:
    """All samples in one design: applied, planned again without a change, and gone with it; nobody's object is."""
    routed = [each for each in SAMPLES if not isinstance(each, wishes.EgressControl)]
    plan = await mesh.apply("canary", *SAMPLES)
    kinds = {each.ref.kind for each in plan.dry_run.changes}
    assert kinds >= {"HTTPRoute", "Server", "AuthorizationPolicy", "MeshTLSAuthentication", "HTTPLocalRateLimitPolicy"}
    assert kinds >= {"EgressNetwork", "TLSRoute", "Service", "Deployment"}
    again = await mesh.plan("canary", *SAMPLES)
    assert (again.problems, again.dry_run.changes) == ([], [])
    await mesh.apply("canary", *routed)
    network = ResourceRef(
        group="policy.linkerd.io", kind="EgressNetwork", namespace="linkerd-egress", name="all-egress"
    )
    assert await mesh.cluster.find(network) is None
    await mesh.apply("canary")
    for kind, group in (("Server", "policy.linkerd.io"), ("HTTPRoute", "gateway.networking.k8s.io")):
        found = [each async for each in mesh.cluster.list(group, kind, mesh.namespace)]
        assert found == []
    reviews = await mesh.find("Service", "reviews")
    assert reviews is not None
    assert "annotations" not in reviews["metadata"]
    assert await mesh.find("Service", "reviews-v1") is None
    for each in SAMPLES:
        prove("linkerd", MINOR, intent_kind(type(each)), "accepted")


async def test_services_of_versions_come_and_go_with_the_split_that_needs_them(mesh: Designs) -> None:
    """A version that a new revision does not name any more has no Service of its own left."""

    def split(*versions: str) -> wishes.TrafficSplit:
        weights = [100 - 10 * (len(versions) - 1), *(10 for _ in versions[1:])]
        backends = [wishes.Backend(version=each, weight=weight) for each, weight in zip(versions, weights, strict=True)]
        return wishes.TrafficSplit(service="reviews", backends=backends)

    await mesh.apply("canary", split("v1", "v2"), TIMEOUT)
    second = await mesh.find("Service", "reviews-v2")
    assert second is not None
    assert second["spec"]["selector"] == {"app": "reviews", "version": "v2"}
    route = await mesh.find("HTTPRoute", "reviews-mesh", "gateway.networking.k8s.io")
    assert route is not None
    assert [(each["name"], each["weight"]) for each in route["spec"]["rules"][0]["backendRefs"]] == [
        ("reviews-v1", 90),
        ("reviews-v2", 10),
    ]
    await mesh.apply("canary", split("v1", "v3"))
    assert await mesh.find("Service", "reviews-v2") is None
    assert await mesh.find("Service", "reviews-v3") is not None
    reviews = await mesh.find("Service", "reviews")
    assert reviews is not None
    assert "timeout.linkerd.io/request" not in (reviews["metadata"].get("annotations") or {})


async def test_what_somebody_else_has_said_is_not_overwritten(mesh: Designs) -> None:
    """An annotation of a user's, a ServiceProfile and a route: each named, and nothing is applied."""
    meta = {"name": "ratings", "namespace": mesh.namespace, "annotations": {"timeout.linkerd.io/request": "9s"}}
    await mesh.cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta}, owner="ann")
    plan = await mesh.plan("canary", wishes.Timeout(service="ratings", timeout="1s"))
    (change,) = [each for each in plan.dry_run.changes if each.ref.name == "ratings"]
    assert "ann" in change.conflict
    with pytest.raises(kit.Reject):
        plan.check()
    name = f"reviews.{mesh.namespace}.svc.cluster.local"
    await mesh.put("linkerd.io/v1alpha2", "ServiceProfile", name, {"routes": []})
    (problem,) = (await mesh.plan("canary", TIMEOUT)).problems
    assert f"ServiceProfile {mesh.namespace}/{name} (of somebody) takes precedence" in problem.detail


async def test_a_route_that_linkerd_would_ignore_is_refused(mesh: Designs) -> None:
    """The API server would take it: its definition has the field, and the release that is there has not."""
    backend = {"name": "reviews", "port": 9080}
    rule = {"retry": {"attempts": 3}, "backendRefs": [backend]}
    parent = {"group": "", "kind": "Service", "name": "reviews"}
    body = {"spec": {"parentRefs": [parent], "rules": [rule]}}
    route = NativeResource(type="gateway.networking.k8s.io/v1/HTTPRoute", name="r", namespace=mesh.namespace, body=body)
    (problem,) = (await mesh.plan("canary", resources=(route,))).problems
    assert "would ignore the whole route" in problem.detail


async def test_the_mesh_is_told_as_its_installation_is(mesh: Designs) -> None:
    """Its release, its namespaces and its components, in the categories of its own checks."""
    (plane,) = await status.detect(mesh.cluster)
    assert (plane.namespace, plane.release, plane.minor) == ("linkerd", "edge-26.6.3", "2.20")
    assert mesh.namespace in plane.enrolled
    bad = [each for each in plane.checks if each.result == checks.BAD]
    assert [each.category for each in bad] == ["gateway-api-crd"]  # its bundle says v0.0.0-dev
    seen = status.observed(MESH, "linkerd", plane, None, plane.checks, [], [])
    assert seen.version == "edge-26.6.3"
    assert {each.type: each.status for each in seen.conditions}["LinkerdExistence"] == "True"
