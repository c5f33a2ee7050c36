"""Designs that cannot be applied, on a real API server with a real istiod: refused with words, or taken back whole.

Each case ends the same way: nothing of the cluster has changed, and the same design applies once the cause is gone.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.adapters.istio import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import rights, transport
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import intents as wishes
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import AnyIntent, NativeResource
from meshwright.schemas.operations import ApplyDesign
from meshwright.schemas.references import ResourceRef
from rig.interceptor import Interceptor, intercepting, unreachable
from rig.istio.between import after
from rig.istio.snapshots import Snapshot, different, snapshot
from rig.kubernetes.operating import Operator, operating
from rig.kubernetes.workloads import deployment
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod

pytestmark = pytest.mark.servers
NETWORKING = "networking.istio.io"
SPLIT = wishes.TrafficSplit(
    service="reviews", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
)


class Shop:
    """The service `reviews` in two versions, and designs on it."""

    def __init__(self, operator: Operator, cluster: k8s.Cluster, namespace: str, interceptor: Interceptor) -> None:
        self.operator = operator
        self.cluster = cluster
        self.namespace = namespace
        self.interceptor = interceptor

    def command(self, *intents: AnyIntent, resources: list[NativeResource] | None = None) -> ApplyDesign:
        """What asks for the design `canary`."""
        design = Design(id="canary", namespace=self.namespace, intents=list(intents), resources=resources or [])
        return ApplyDesign(design=design)

    async def refused(self, command: ApplyDesign, **more: Any) -> kit.Reject:
        """Why it is not applied; nothing has changed by it."""
        before = await self.state()
        with pytest.raises(kit.Reject) as refused:
            await self.operator.do(command, **more)
        assert different(before, await self.state()) == {}
        assert refused.value.failure.remedy
        return refused.value

    async def state(self) -> Snapshot:
        """All objects of the shop."""
        objects = await snapshot(self.operator)
        return {ref: body for ref, body in objects.items() if f" {self.namespace}/" in ref}

    async def put(self, kind: str, name: str, spec: dict[str, Any], api: str = f"{NETWORKING}/v1") -> None:
        """Apply an object as somebody else does."""
        meta = {"name": name, "namespace": self.namespace}
        body = {"apiVersion": api, "kind": kind, "metadata": meta, "spec": spec}
        await self.cluster.apply(body, owner="somebody", force=True)

    async def scale(self, version: str, replicas: int) -> None:
        """Bring up or shut down a version."""
        name, pods = f"reviews-{version}", {"service": "reviews", "version": version}
        body = deployment(self.namespace, name, pods=pods, replicas=replicas)
        await self.cluster.apply(body, owner="somebody", force=True)

    async def label(self, **labels: str) -> None:
        """Enrol the namespace."""
        named = {key.replace("__", "/").replace("_", "."): value for key, value in labels.items()}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": named}}
        await self.cluster.apply(body, owner="somebody", force=True)


@pytest.fixture
async def shop(
    istiod: Istiod, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    """A shop whose operations reach the cluster through an interceptor."""
    async with (
        intercepting(kubernetes_settings) as (interceptor, settings),
        operating(adapter, settings, Path("/"), tmp_path) as operator,
    ):
        result = Shop(operator, cluster, namespace, interceptor)
        await result.label(istio_io__rev="default")
        await result.put("Service", "reviews", {"selector": {"service": "reviews"}, "ports": [{"port": 80}]}, "v1")
        for version in ("v1", "v2"):
            await result.scale(version, 1)
        yield result


async def test_a_service_that_is_not_there(shop: Shop) -> None:
    """The place in the document, and the services that are there."""
    refused = await shop.refused(shop.command(SPLIT, wishes.Timeout(service="nowhere", timeout="1s")))
    assert refused.failure.code == "MW2002"
    (error,) = refused.failure.details["errors"]
    assert error["pointer"] == "#/intents/1/service"
    assert error["detail"] == f"there is no service nowhere in the namespace {shop.namespace}: it has reviews"


async def test_a_version_without_pods(shop: Shop) -> None:
    """Requests would be sent to nobody: the workload is named, and with a replica the design applies."""
    await shop.scale("v2", 0)
    refused = await shop.refused(shop.command(SPLIT))
    (error,) = refused.failure.details["errors"]
    assert (refused.failure.code, error["pointer"]) == ("MW2002", "#/intents/0/backends")
    assert "Deployment reviews-v2 is scaled to 0" in error["detail"]
    await shop.scale("v2", 1)
    result = await shop.operator.do(shop.command(SPLIT))
    assert {each["kind"] for each in result["inventory"]} == {"DestinationRule", "VirtualService"}


async def test_a_host_that_somebody_else_routes(shop: Shop) -> None:
    """The user's VirtualService is named with its owner and stays as it is; without it the design applies."""
    await shop.put("VirtualService", "legacy", {"hosts": ["reviews"], "http": [{"route": [_to("reviews")]}]})
    refused = await shop.refused(shop.command(SPLIT))
    assert refused.failure.code == "MW2002"
    assert f"VirtualService {shop.namespace}/legacy (of somebody) routes {shop.namespace}/reviews" in str(refused)
    ref = ResourceRef(group=NETWORKING, kind="VirtualService", namespace=shop.namespace, name="legacy")
    await shop.cluster.delete(ref)
    assert (await shop.operator.do(shop.command(SPLIT)))["revision"] == 1


async def test_a_namespace_under_another_revision(shop: Shop) -> None:
    """The control plane of this mesh does not configure its proxies: both revisions are named."""
    await shop.label(istio_io__rev="canary")
    refused = await shop.refused(shop.command(SPLIT))
    assert refused.failure.code == "MW2002"
    assert f"the namespace {shop.namespace} follows the revision canary, and this mesh is default" in str(refused)


async def test_an_object_that_istiods_webhook_refuses(shop: Shop) -> None:
    """A native resource that fits its schema and breaks a rule of Istio: its place, and istiod's own words."""
    route = {"hosts": ["reviews"], "http": [{"route": [{**_to("reviews"), "weight": -5}]}]}
    body = {"spec": route}
    wrong = NativeResource(type=f"{NETWORKING}/v1/VirtualService", name="odd", namespace=shop.namespace, body=body)
    refused = await shop.refused(shop.command(resources=[wrong]))
    (error,) = refused.failure.details["errors"]
    assert (refused.failure.code, error["pointer"]) == ("MW2002", "#/resources/0")
    assert "weight -5 < 0" in error["detail"]


async def test_an_object_that_is_refused_only_when_it_is_applied(shop: Shop) -> None:
    """By a policy that came between plan and apply: what was applied before it is taken back."""
    name = f"no-routes-{shop.namespace}"
    rule = {"apiGroups": [NETWORKING], "apiVersions": ["*"], "operations": ["*"], "resources": ["virtualservices"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": shop.namespace}}
    policy = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "matchConstraints": {"resourceRules": [rule], "namespaceSelector": selector},
            "validations": [{"expression": "false", "message": "routes are frozen"}],
        },
    }
    spec = {"policyName": name, "validationActions": ["Deny"]}
    binding = {**policy, "kind": "ValidatingAdmissionPolicyBinding", "spec": spec}

    async def frozen() -> None:
        for each in (policy, binding):
            await shop.cluster.apply(each, owner="somebody")
        await eventually(is_frozen, timeout=60)

    async def is_frozen() -> bool:
        meta = {"name": "probe", "namespace": shop.namespace}
        body = {"apiVersion": f"{NETWORKING}/v1", "kind": "VirtualService", "metadata": meta}
        try:
            await shop.cluster.create({**body, "spec": {"hosts": ["x"], "http": [{"route": [_to("x")]}]}}, dry_run=True)
        except k8s.KubernetesError as error:
            return "routes are frozen" in str(error)
        return False

    refused = await shop.refused(shop.command(SPLIT), journal=after("plan", frozen))
    assert "routes are frozen" in str(refused)
    for each in (binding, policy):
        await shop.cluster.delete(k8s.reference_of(each))
    await eventually(lambda: _not(is_frozen()), timeout=60)
    assert (await shop.operator.do(shop.command(SPLIT)))["revision"]


async def test_a_right_that_is_taken_away_between_two_steps(shop: Shop, kubernetes_server: KubernetesServer) -> None:
    """The right is named; what was applied is taken back; with the right again the same design applies."""
    user = f"clerk-{shop.namespace}"
    rbac = "rbac.authorization.k8s.io"
    verbs = ["get", "list", "watch", "create", "patch", "delete"]
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]
    rules = [
        {"apiGroups": [NETWORKING], "resources": [plural], "verbs": verbs}
        for plural in ("destinationrules", "virtualservices")
    ]
    role: dict[str, Any] = {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": user}}
    reference = {"apiGroup": rbac, "kind": "ClusterRole", "name": user}
    subject = {"apiGroup": rbac, "kind": "User", "name": user}
    binding = {**role, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
    needed = [k8s.Right("create", NETWORKING, "virtualservices", shop.namespace)]
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig(user))
    async with k8s.Cluster.open(settings) as clerk:

        async def allowed(*rules: dict[str, Any]) -> None:
            await shop.cluster.apply({**role, "rules": [*everything, *rules]}, owner="somebody")
            await shop.cluster.apply(binding, owner="somebody")
            await eventually(lambda: is_allowed(len(rules) == 2), timeout=60)

        async def is_allowed(wanted: bool) -> bool:
            return bool(await rights.missing(clerk, needed)) is not wanted

        await allowed(*rules)
        shop.operator.runtime.connections.settings = settings  # type: ignore[attr-defined]
        refused = await shop.refused(shop.command(SPLIT), journal=after("plan", lambda: allowed(rules[0])))
        assert (refused.failure.code, refused.failure.retryable) == ("MW5002", False)
        assert f'User "{user}" cannot' in refused.failure.what
        assert "virtualservices" in refused.failure.what
        await allowed(*rules)
        assert (await shop.operator.do(shop.command(SPLIT)))["revision"]
    for each in (binding, role):
        await shop.cluster.delete(k8s.reference_of(each))


async def test_an_api_server_that_goes_away_between_two_steps(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before each step in turn: the operation waits, goes on when it is back, and has done everything once."""
    monkeypatch.setattr(transport, "_RECONNECT", 0.1)
    for number, step in enumerate(("plan", "apply", "wait", "record-release", "prune"), 1):
        timeout = wishes.Timeout(service="reviews", timeout=f"{number}s")

        shop.interceptor.answered = 0

        async def gone() -> None:
            shop.interceptor.rule = unreachable

        running = asyncio.create_task(shop.operator.do(shop.command(SPLIT, timeout), journal=after(step, gone)))
        await eventually(lambda: shop.interceptor.answered >= 2, timeout=60)
        assert not running.done(), step
        shop.interceptor.rule = None
        result = await running
        assert result["revision"] == number, step
        ref = ResourceRef(group=NETWORKING, kind="VirtualService", namespace=shop.namespace, name="reviews")
        live = await shop.cluster.get(ref)
        assert live["spec"]["http"][0]["timeout"] == f"{number}s", step
        assert live["metadata"]["generation"] == number, step


async def _not(answer: Any) -> bool:
    return not await answer


def _to(host: str) -> dict[str, Any]:
    return {"destination": {"host": host}}
