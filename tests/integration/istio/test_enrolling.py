"""Namespaces and workloads take part and leave, restarted one by one, and nobody loses pods that a budget keeps."""

import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshwright.adapters.istio.enrolment import waypoints
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment.workloads import RESTARTED
from meshwright.core.kit.kubernetes.target import readiness
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, WithdrawWorkloads
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import AnyEnrolment, ControllerMember, NamespaceMember, ProcessEnrolment
from rig.istio.killing import killed

pytestmark = pytest.mark.servers


def app(name: str, kind: str = "Deployment", **spec: Any) -> dict[str, Any]:
    """A workload of the namespace shop."""
    labels = {"app": name, **spec.pop("labels", {})}
    more = {} if kind == "DaemonSet" else {"replicas": spec.pop("replicas", 2)}
    if kind == "StatefulSet":
        more["serviceName"] = name
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": pod, **more, **spec},
    }


@pytest.fixture
async def shop(furnished: Any, admission: Any) -> Any:
    """A namespace with workloads, in a cluster with Istio."""
    operator = furnished
    values = {**operator.values, "istiod": admission.values}
    await operator.do(InstallMesh(version="1.31.0", profile="minimal", values=values))
    cluster = await operator.cluster()
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, owner="me")
    for body in (app("web"), app("db", "StatefulSet"), app("agent", "DaemonSet")):
        await cluster.apply(body, owner="me")
    pod = {"containers": [{"name": "app", "image": "app:1"}]}
    meta = {"name": "alone", "namespace": "shop"}
    await cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": pod}, owner="me")
    for kind, name in (("Deployment", "web"), ("StatefulSet", "db"), ("DaemonSet", "agent")):
        await ready(operator, kind, name)
    return operator


async def ready(operator: Any, kind: str, name: str) -> None:
    """Wait until a workload is whole."""

    async def whole() -> bool:
        return readiness.verdict(await operator.find(kind, name, "shop", "apps")).state == "ready"

    await eventually(whole, timeout=60)


async def labels(operator: Any) -> dict[str, str]:
    """The labels of the namespace, without the cluster's own."""
    result = (await operator.find("Namespace", "shop"))["metadata"]["labels"]
    return {key: value for key, value in result.items() if "kubernetes.io" not in key}


async def template(operator: Any, name: str, kind: str = "Deployment") -> dict[str, Any]:
    """What the pods of a workload carry."""
    meta = (await operator.find(kind, name, "shop", "apps"))["spec"]["template"]["metadata"]
    return {"labels": meta["labels"], "restarted": (meta.get("annotations") or {}).get(RESTARTED)}


async def test_a_namespace_is_enrolled_and_its_workloads_restarted(shop: Any) -> None:
    """One after the other, whole again each time; what no controller makes anew is told."""
    result = await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)]))
    assert await labels(shop) == {"istio-injection": "enabled"}
    assert result["restarted"] == ["DaemonSet shop/agent", "Deployment shop/web", "StatefulSet shop/db"]
    assert [each["workload"] for each in result["left"]] == ["Pod shop/alone"]
    for kind, name in (("Deployment", "web"), ("StatefulSet", "db"), ("DaemonSet", "agent")):
        assert (await template(shop, name, kind))["restarted"]
        status = (await shop.find(kind, name, "shop", "apps"))["status"]
        assert status["observedGeneration"] >= 2
    again = await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert again["unchanged"]
    gone = await shop.do(WithdrawWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert await labels(shop) == {}
    assert gone["restarted"] == []
    assert {each["workload"] for each in gone["left"]} == {
        "Deployment shop/web", "StatefulSet shop/db", "DaemonSet shop/agent", "Pod shop/alone",
    }  # fmt: skip


async def test_never_two_labels_that_inject(shop: Any) -> None:
    """A namespace that follows a revision is moved only when somebody says so, and then by one label."""
    cluster = await shop.cluster()
    meta = {"name": "shop", "labels": {"istio.io/rev": "gone"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert await labels(shop) == {"istio-injection": "enabled"}
    with pytest.raises(kit.Reject, match="there is no revision or tag canary"):
        await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", revision="canary")]))


async def test_a_budget_keeps_its_pods(shop: Any) -> None:
    """A rollout that takes more pods away than a budget allows does not begin, and that is told."""
    cluster = await shop.cluster()
    rolling = {"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    await cluster.apply(app("web", strategy=rolling), owner="me")
    budget = {"selector": {"matchLabels": {"app": "web"}}, "minAvailable": 2}
    meta = {"name": "keep", "namespace": "shop"}
    await cluster.apply(
        {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": meta, "spec": budget}, owner="me"
    )

    async def counted() -> bool:
        outcome = await shop.find("PodDisruptionBudget", "keep", "shop", "policy")
        return bool((outcome.get("status") or {}).get("expectedPods"))

    await eventually(counted, timeout=60)
    result = await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)]))
    assert result["restarted"] == ["DaemonSet shop/agent", "StatefulSet shop/db"]
    because = {each["workload"]: each["because"] for each in result["left"]}["Deployment shop/web"]
    assert "PodDisruptionBudget keep allows 0 of its pods to be away, and a rollout takes 1" in because
    assert (await template(shop, "web"))["restarted"] is None


async def test_one_workload_is_enrolled_and_withdrawn(shop: Any) -> None:
    """By a label of its pods, which needs a restart; in an enrolled namespace it can stay out."""
    web = ControllerMember(namespace="shop", kind="deployment", name="web")
    with pytest.raises(kit.Reject, match="#/workloads/0/restart"):
        await shop.do(EnrolWorkloads(workloads=[web]))
    web = ControllerMember(namespace="shop", kind="deployment", name="web", restart=True)
    await shop.do(EnrolWorkloads(workloads=[web]))
    assert (await template(shop, "web"))["labels"] == {"app": "web", "sidecar.istio.io/inject": "true"}
    await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    await shop.do(WithdrawWorkloads(workloads=[web]))
    assert (await template(shop, "web"))["labels"] == {"app": "web", "sidecar.istio.io/inject": "false"}
    result = await shop.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)]))
    because = {each["workload"]: each["because"] for each in result["left"]}["Deployment shop/web"]
    assert "its own label" in because


async def test_what_cannot_be_enrolled_is_named_at_once(shop: Any) -> None:
    """Every member with its reason and its place; nothing is changed."""
    cluster = await shop.cluster()
    annotations = {"linkerd.io/inject": "enabled"}
    meta = {"name": "theirs", "annotations": annotations}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    members: list[AnyEnrolment] = [
        NamespaceMember(namespace="shop"),
        NamespaceMember(namespace="nowhere"),
        NamespaceMember(namespace="istio-system"),
        NamespaceMember(namespace="theirs"),
        NamespaceMember(namespace="shop", mode="ambient"),
        NamespaceMember(namespace="shop", waypoint="w", mode="sidecar"),
        ControllerMember(namespace="shop", kind="deployment", name="nothing"),
        ProcessEnrolment(name="p", service="p", port=80),
    ]
    with pytest.raises(kit.Reject) as refused:
        await shop.do(EnrolWorkloads(workloads=members))
    told = {each["pointer"]: each["detail"] for each in refused.value.failure.details["errors"]}
    assert told.keys() == {
        "#/workloads/1/namespace", "#/workloads/2/namespace", "#/workloads/3", "#/workloads/4", "#/workloads/5",
        "#/workloads/6/name", "#/workloads/7",
    }  # fmt: skip
    assert "Linkerd" in told["#/workloads/3"]
    assert "ztunnel" in told["#/workloads/4"]
    assert await labels(shop) == {}


async def test_an_enrolment_that_is_taken_back_leaves_labels_as_they_were(shop: Any) -> None:
    """And starts what it had restarted once more, since pods keep their sidecars otherwise."""
    arguments = EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)])
    context = shop.context(shop.command(arguments))
    await shop.handle(context, arguments)
    restarted = (await template(shop, "web"))["restarted"]
    assert await context.undo_all()
    assert await labels(shop) == {}
    assert (await template(shop, "web"))["restarted"] not in (None, restarted)


async def test_an_enrolment_whose_worker_dies_at_every_step_restarts_nothing_twice(shop: Any) -> None:
    """Around the record of each: what begins anew goes on behind it, and the namespace is enrolled as by one worker."""
    before = (await shop.find("Deployment", "web", "shop", "apps"))["metadata"]["generation"]
    arguments = EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)])
    result, kills = await killed(shop, arguments)
    assert kills == 2 * len(["identify-cluster", "plan", "mark", "agent", "web", "db"])
    assert result["restarted"] == ["DaemonSet shop/agent", "Deployment shop/web", "StatefulSet shop/db"]
    assert await labels(shop) == {"istio-injection": "enabled"}
    after = (await shop.find("Deployment", "web", "shop", "apps"))["metadata"]["generation"]
    assert after == before + 1


async def test_an_ambient_namespace_needs_no_restart(operator: Any, admission: Any) -> None:
    """One label, and a waypoint where one is asked for and the Gateway API is there."""
    values = {**operator.values, "istiod": admission.values}
    await operator.do(InstallMesh(version="1.31.0", profile="ambient", values=values))
    cluster = await operator.cluster()
    meta = {"name": "shop", "labels": {"istio-injection": "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    result = await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert await labels(operator) == {"istio.io/dataplane-mode": "ambient"}
    assert result["restarted"] == []
    with pytest.raises(kit.Reject, match="Gateway API"):
        await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", waypoint="way")]))
    async with gateways(cluster):
        await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", waypoint="way")]))
        assert await labels(operator) == {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "way"}
        way = await operator.find("Gateway", "way", "shop", "gateway.networking.k8s.io")
        assert way["spec"]["gatewayClassName"] == "istio-waypoint"


async def test_a_waypoint_goes_with_the_last_that_used_it(operator: Any, admission: Any) -> None:
    """One that Meshwright made and nobody uses any more; all others stay, each with its reason."""
    values = {**operator.values, "istiod": admission.values}
    await operator.do(InstallMesh(version="1.31.0", profile="ambient", values=values))
    cluster = await operator.cluster()
    also = {"istio.io/use-waypoint": "way", "istio.io/use-waypoint-namespace": "shop"}
    for name, marks in (("shop", {}), ("other", also)):
        meta = {"name": name, "labels": marks}
        await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    enrolled = EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", waypoint="way")])
    left = WithdrawWorkloads(workloads=[NamespaceMember(namespace="shop")])

    async def because(name: str) -> str:
        """Why a waypoint stays after a withdrawal."""
        result = await operator.do(left)
        assert result["removed"] == []
        assert await operator.find("Gateway", name, "shop", waypoints.GATEWAY[0])
        return str({each["workload"]: each["because"] for each in result["left"]}[f"Gateway shop/{name}"])

    async with gateways(cluster):
        await operator.do(enrolled)
        assert await because("way") == "the waypoint stays: Namespace other uses it"
        await operator.do(enrolled)
        both = WithdrawWorkloads(workloads=[*left.workloads, NamespaceMember(namespace="other")])
        assert (await operator.previewed(both))["Gateway shop/way"] == "delete"
        context = operator.context(operator.command(both))
        assert (await operator.handle(context, both))["removed"] == ["Gateway shop/way"]
        assert await operator.find("Gateway", "way", "shop", waypoints.GATEWAY[0]) is None
        assert await context.undo_all()
        way = await operator.find("Gateway", "way", "shop", waypoints.GATEWAY[0])
        assert way["spec"] == waypoints.body("shop", "way")["spec"]
        assert await labels(operator) == {"istio.io/dataplane-mode": "ambient", "istio.io/use-waypoint": "way"}
        await operator.do(WithdrawWorkloads(workloads=[NamespaceMember(namespace="other")]))
        service = {"metadata": {"name": "web", "namespace": "shop", "labels": {"istio.io/use-waypoint": "way"}}}
        spec = {"ports": [{"port": 80}]}
        await cluster.apply({"apiVersion": "v1", "kind": "Service", **service, "spec": spec}, owner="me")
        assert await because("way") == "the waypoint stays: Service shop/web uses it"
        await cluster.delete(ResourceRef(kind="Service", namespace="shop", name="web"))
        await operator.do(enrolled)
        _, kills = await killed(operator, left)
        assert kills == 2 * len(["identify-cluster", "plan", "mark", "remove-waypoint-shop-way"])
        assert await operator.find("Gateway", "way", "shop", waypoints.GATEWAY[0]) is None
        await cluster.apply(waypoints.body("shop", "way"), owner="kubectl")
        await operator.do(enrolled)
        assert await because("way") == "the waypoint stays: it was made by kubectl, not by Meshwright"


@contextlib.asynccontextmanager
async def gateways(cluster: k8s.Cluster) -> AsyncIterator[None]:
    """The cluster serves Gateways within the block, and no longer: a real istiod waits for the whole Gateway API."""
    definition = gateway_definition()
    await cluster.apply(definition, owner="me")
    await eventually(functools.partial(serves_gateways, cluster, True), timeout=60)
    try:
        yield
    finally:
        await cluster.delete(k8s.reference_of(definition))
        await eventually(functools.partial(serves_gateways, cluster, False), timeout=60)


async def serves_gateways(cluster: k8s.Cluster, expected: object) -> bool:
    """Whether the cluster serves Gateways, or does not, as expected."""
    cluster.discovery.forget()
    return expected is any(
        (api.group, api.kind) == ("gateway.networking.k8s.io", "Gateway") for api in await cluster.discovery.all()
    )


def gateway_definition() -> dict[str, Any]:
    """A definition of Gateways that takes everything: what the Gateway API's own says is not tried here."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
    name = "gateways.gateway.networking.k8s.io"
    approval = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2466"}
    names = {"kind": "Gateway", "listKind": "GatewayList", "plural": "gateways", "singular": "gateway"}
    spec = {"group": "gateway.networking.k8s.io", "names": names, "scope": "Namespaced", "versions": [version]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name, "annotations": approval},
        "spec": spec,
    }
