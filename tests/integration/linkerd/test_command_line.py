"""A person with a Linkerd: the command line, the API, the bus and a worker, and what is in the cluster in the end."""

from pathlib import Path

import pytest

from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.workloads import deployment
from rig.stack.command_line import run
from rig.stack.stack import stack

pytestmark = [pytest.mark.servers]
SPLIT = """\
id: split
namespace: {namespace}
intents:
- intent: traffic-split
  service: web
  backends:
  - {{version: v1, weight: 90}}
  - {{version: v2, weight: 10}}
"""


async def test_a_person_adopts_a_linkerd_enrols_a_namespace_and_splits_requests(
    linkerd: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> None:
    """Each step by its command; what is withdrawn and removed leaves nothing of ours."""
    meta = {"name": "web", "namespace": namespace}
    spec = {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80}]}
    await cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec}, owner="me")
    for version in ("v1", "v2"):
        body = deployment(namespace, f"web-{version}", pods={"app": "web", "version": version})
        body["spec"]["selector"] = {"matchLabels": {"app": "web", "version": version}}
        await cluster.apply(body, owner="me")
    place = ResourceRef(kind="Namespace", name=namespace)
    route = ResourceRef(group="gateway.networking.k8s.io", kind="HTTPRoute", namespace=namespace, name="web-mesh")
    folder = tmp_path / "stack"
    async with stack(folder, adapters=["linkerd"], MESHWRIGHT_CONNECTION_ALLOW="127.0.0.0/8") as parts:
        parts.start("meshwright-scheduler", name="scheduler")
        parts.start("meshwright-adapter", "linkerd", name="worker")
        await parts.adapter("linkerd")
        (folder / "split.yaml").write_text(SPLIT.format(namespace=namespace))
        (folder / "kubeconfig").write_text(kubernetes_settings.kubeconfig)
        await run(parts, "connections", "set", "k1", "--kind", "kubernetes", "--kubeconfig", "kubeconfig")
        await run(parts, "connections", "test", "k1")
        assert "edge-26.6.3" in await run(parts, "meshes", "detect", "k1")
        await run(parts, "meshes", "adopt", "linkerd", "--connection", "k1")
        mesh = ("--mesh", "linkerd")
        await run(parts, "workloads", "enrol", *mesh, "--namespace", namespace, "--restart")
        assert (await cluster.get(place))["metadata"]["annotations"] == {"linkerd.io/inject": "enabled"}
        assert "HTTPRoute" in await run(parts, "diff", "split.yaml", *mesh, expect=4)
        assert await cluster.find(route) is None
        await run(parts, "apply", "split.yaml", *mesh)
        shares = (await cluster.get(route))["spec"]["rules"][0]["backendRefs"]
        assert [(each["name"], each["weight"]) for each in shares] == [("web-v1", 90), ("web-v2", 10)]
        await run(parts, "diff", "split.yaml", *mesh)
        await run(parts, "remove", "split", *mesh, "--yes")
        assert await cluster.find(route) is None
        await run(parts, "workloads", "withdraw", *mesh, "--namespace", namespace, "--yes")
        assert "annotations" not in (await cluster.get(place))["metadata"]
