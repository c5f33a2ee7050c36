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
from meshwright.schemas.workloads import NamespaceMember
from rig.kubernetes.worker import working
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
    consul_in_cluster: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> None:
    """Each operation by the worker alone; what is withdrawn and removed has nothing of ours left."""
    await _furnish(cluster, namespace)
    first = ResourceRef(group="apps", kind="Deployment", namespace=namespace, name="web-v1")
    splitter = ResourceRef(group="consul.hashicorp.com", kind="ServiceSplitter", namespace=namespace, name="web")
    everybody = NamespaceMember(namespace=namespace, restart=True)
    async with working(kubernetes_settings.kubeconfig, tmp_path, adapter="consul") as mesh:
        adopted = _result(await mesh.do(ops.AdoptMesh()))
        assert (adopted["mesh"]["version"], adopted["mesh"]["namespace"]) == ("2.1.0-dev", "consul")
        refused = await mesh.ask(ops.EnrolWorkloads(workloads=[NamespaceMember(namespace=namespace)]))
        assert kinds(refused)[-1] == "failed"
        shown = await mesh.api.preview(ops.EnrolWorkloads(workloads=[everybody]), mesh=mesh.name)
        assert {each.ref.name for each in shown.diff} == {"web-v1", "web-v2"}
        await mesh.do(ops.EnrolWorkloads(workloads=[everybody]))
        marks = (await cluster.get(first))["spec"]["template"]["metadata"]["annotations"]
        assert marks["consul.hashicorp.com/connect-inject"] == "true"
        assert marks["consul.hashicorp.com/service-meta-version"] == "v1"
        await mesh.do(ops.ApplyDesign(design=Design(id="canary", namespace=namespace, intents=[_SPLIT])))
        splits = (await cluster.get(splitter))["spec"]["splits"]
        assert [(each["serviceSubset"], each["weight"]) for each in splits] == [("v1", 90), ("v2", 10)]
        await mesh.do(ops.RefreshStatus())
        await mesh.do(ops.RemoveDesign(design="canary"))
        assert await cluster.find(splitter) is None
        await mesh.do(ops.WithdrawWorkloads(workloads=[everybody]))
        left = (await cluster.get(first))["spec"]["template"]["metadata"]["annotations"]
        assert not any("consul" in each for each in left)
        await mesh.do(ops.ForgetMesh())
