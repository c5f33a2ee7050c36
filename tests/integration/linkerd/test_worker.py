"""A real worker of this adapter, with the credentials of one: adopting, enrolling, a design, and all taken back."""

from pathlib import Path
from typing import Any

import pytest

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.sending import kinds
from meshwright.schemas import intents as wishes
from meshwright.schemas import operations as ops
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import ControllerMember, NamespaceMember
from rig.kubernetes.worker import Mesh, working
from rig.kubernetes.workloads import deployment

pytestmark = pytest.mark.servers
_SPLIT = wishes.TrafficSplit(
    service="web", backends=[wishes.Backend(version="v1", weight=90), wishes.Backend(version="v2", weight=10)]
)


def _result(events: list[Message]) -> dict[str, Any]:
    (end,) = [each for each in events if isinstance(each, ops.OperationSucceeded)]
    result: dict[str, Any] = end.result
    return result


async def _furnish(cluster: k8s.Cluster, namespace: str) -> None:
    """A service with two versions."""
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
    meta = {"name": "web", "namespace": namespace}
    await cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}, owner="me")
    for version in ("v1", "v2"):
        body = deployment(namespace, f"web-{version}", pods={"app": "web", "version": version})
        body["spec"]["selector"] = {"matchLabels": {"app": "web", "version": version}}
        await cluster.apply(body, owner="me")


async def test_a_namespace_takes_part_gets_a_design_and_leaves(
    linkerd: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> None:
    """Each operation by the worker alone; what is withdrawn and removed has nothing of ours left."""
    await _furnish(cluster, namespace)
    place = ResourceRef(kind="Namespace", name=namespace)
    route = ResourceRef(group="gateway.networking.k8s.io", kind="HTTPRoute", namespace=namespace, name="web-mesh")
    async with working(kubernetes_settings.kubeconfig, tmp_path, adapter="linkerd") as mesh:
        adopted = _result(await mesh.do(ops.AdoptMesh()))
        assert adopted["mesh"]["version"] == "edge-26.6.3"
        await _takes_part(mesh, cluster, place)
        design = Design(id="canary", namespace=namespace, intents=[_SPLIT])
        await mesh.do(ops.ApplyDesign(design=design))
        shares = (await cluster.get(route))["spec"]["rules"][0]["backendRefs"]
        assert [(each["name"], each["weight"]) for each in shares] == [("web-v1", 90), ("web-v2", 10)]
        status = _result(await mesh.do(ops.RefreshStatus()))
        categories = {each["category"] for each in status["checks"]}
        assert categories >= {"linkerd-existence", "linkerd-identity", "linkerd-data-plane", "webhooks-and-apisvc-tls"}
        # Nobody injects here, and the status says so of each pod.
        assert any("have none" in each["detail"] for each in status["checks"])
        await mesh.do(ops.RemoveDesign(design="canary"))
        assert await cluster.find(route) is None
        await mesh.do(ops.WithdrawWorkloads(workloads=[NamespaceMember(namespace=namespace)]))
        assert "annotations" not in (await cluster.get(place))["metadata"]
        await mesh.do(ops.ForgetMesh())


async def _takes_part(mesh: Mesh, cluster: k8s.Cluster, place: ResourceRef) -> None:
    """Enrolled with restarts, one workload left out, and nothing to do the second time."""
    out = ControllerMember(namespace=place.name, kind="deployment", name="web-v2", restart=True)
    all_of_it = NamespaceMember(namespace=place.name, restart=True)
    shown = await mesh.api.preview(ops.EnrolWorkloads(workloads=[all_of_it]), mesh=mesh.name)
    assert {each.ref.name: each.after for each in shown.diff} == {
        place.name: "annotations:\n  linkerd.io/inject: enabled\n",
        "web-v1": "restarted: true\n",
        "web-v2": "restarted: true\n",
    }
    assert "annotations" not in (await cluster.get(place))["metadata"]
    enrolled = _result(await mesh.do(ops.EnrolWorkloads(workloads=[all_of_it])))
    assert (await cluster.get(place))["metadata"]["annotations"] == {"linkerd.io/inject": "enabled"}
    assert [each.rpartition("/")[2] for each in enrolled["restarted"]] == ["web-v1", "web-v2"]
    again = _result(await mesh.do(ops.EnrolWorkloads(workloads=[NamespaceMember(namespace=place.name)])))
    assert again["unchanged"]
    await mesh.do(ops.WithdrawWorkloads(workloads=[out]))
    second = await cluster.get(ResourceRef(group="apps", kind="Deployment", namespace=place.name, name="web-v2"))
    assert second["spec"]["template"]["metadata"]["annotations"]["linkerd.io/inject"] == "disabled"
    await mesh.do(ops.EnrolWorkloads(workloads=[out]))
    refused = await mesh.ask(ops.EnrolWorkloads(workloads=[NamespaceMember(namespace="linkerd")]))
    assert kinds(refused)[-1] == "failed"
