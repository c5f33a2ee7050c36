"""Istio as Helm, istioctl and an operator leave it on a real API server: each is known by that, and none is touched.

Istioctl itself installs one; the objects of the others are those of Istio's charts, marked as these installers do.
"""

import asyncio
import subprocess
from pathlib import Path
from typing import Any

import pytest

from meshwright.adapters.istio import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import helm
from meshwright.schemas.meshes import DetectedMesh
from meshwright.schemas.operations import AdoptMesh, ForgetMesh
from rig.istio.snapshots import still
from rig.kubernetes.operating import Operator
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]
SYSTEM = "istio-system"
_INSTALLED_S = 180
OPERATED = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "istiorevisions.sailoperator.io"},
    "spec": {
        "group": "sailoperator.io",
        "names": {"kind": "IstioRevision", "plural": "istiorevisions", "singular": "istiorevision"},
        "scope": "Cluster",
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


async def rendered(charts: Path, chart: str, values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of one of Istio's charts."""
    found = await helm.render(
        helm.Chart(name=chart, location=str(charts)),
        helm.Rendering(release=chart, namespace=SYSTEM, values=values, kube_version=programs.KUBERNETES),
    )
    return found.objects


async def by_helm(cluster: k8s.Cluster, charts: Path) -> None:
    """Ambient in the default revision, with the annotations of Helm's releases."""
    for chart in ("base", "istiod", "cni", "ztunnel"):
        images = {"tag": "1.30.3", "hub": "registry.istio.io/release"}
        values = {"profile": "ambient", **(images if chart == "ztunnel" else {"global": images})}
        for body in await rendered(charts, chart, {} if chart == "base" else values):
            meta = body["metadata"]
            annotations = {"meta.helm.sh/release-name": chart, "meta.helm.sh/release-namespace": SYSTEM}
            meta["annotations"] = {**(meta.get("annotations") or {}), **annotations}
            meta["labels"] = {**(meta.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm"}
            await cluster.apply(body, owner="helm")


def by_istioctl(server: KubernetesServer) -> None:
    """A canary of another version."""
    kubeconfig = server.folder / "istioctl.kubeconfig"
    kubeconfig.write_text(server.kubeconfig())
    kubeconfig.chmod(0o600)
    settings = ("profile=minimal", "revision=canary", "tag=1.31.0", "hub=registry.istio.io/release")
    chosen = [part for each in settings for part in ("--set", each)]
    command = [str(programs.ISTIOCTL.path), "install", "--kubeconfig", str(kubeconfig), "--skip-confirmation", *chosen]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALLED_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


async def by_an_operator(cluster: k8s.Cluster, charts: Path) -> None:
    """A third revision in a namespace of its own, owned by the operator's resource."""
    await cluster.apply(OPERATED, owner="operator")
    await cluster.discovery.api("sailoperator.io", "IstioRevision", within=60)
    head = {"apiVersion": "sailoperator.io/v1", "kind": "IstioRevision", "metadata": {"name": "operated"}}
    owner = await cluster.apply(head, owner="operator")
    reference = {
        "apiVersion": head["apiVersion"],
        "kind": head["kind"],
        "name": "operated",
        "uid": owner["metadata"]["uid"],
    }
    values = {"revision": "operated", "global": {"tag": "1.29.2", "istioNamespace": SYSTEM}}
    for body in await rendered(charts, "istiod", values):
        if "operated" in body["metadata"]["name"]:
            await cluster.apply(
                {**body, "metadata": {**body["metadata"], "ownerReferences": [reference]}}, owner="sail-operator"
            )


async def detected(operator: Operator) -> list[DetectedMesh]:
    """The meshes of the cluster."""
    assert adapter.adoption is not None
    scope = kit.ConnectionScope(operator.runtime, operator.clusters, "default", "k")
    return (await kit.detect(adapter.adoption, scope)).meshes


@pytest.mark.usefixtures("emptied_after")
async def test_each_installer_is_known_and_nothing_is_touched(
    operator: Operator, kubernetes_server: KubernetesServer, istio_charts: Path
) -> None:
    """Installer, version, revision and modes of three at once; each is adopted with all resource versions unchanged."""
    skip_unless_built(programs.ISTIOCTL)
    cluster = await operator.cluster()
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}}, owner="me")
    await by_helm(cluster, istio_charts)
    await by_an_operator(cluster, istio_charts)
    await asyncio.to_thread(by_istioctl, kubernetes_server)
    before = await still(cluster)
    both = ["sidecar", "ambient"]
    meshes = await detected(operator)
    assert [(each.revision, each.version, each.installer, each.modes, each.mesh) for each in meshes] == [
        ("canary", "1.31.0", "istioctl", both, ""),
        ("default", "1.30.3", "helm", both, ""),
        ("operated", "1.29.2", "operator", both, ""),
    ]  # fmt: skip
    for revision, installer in (("canary", "istioctl"), ("default", "helm"), ("operated", "operator")):
        result = await operator.do(AdoptMesh(revision=revision))
        assert (result["detected"]["revision"], result["detected"]["installer"]) == (revision, installer)
        record = await operator.record()
        assert record is not None
        assert (record.installer, record.components) == (installer, [])
        assert [each.revision for each in await detected(operator) if each.mesh == "prod"] == [revision]
        await operator.do(ForgetMesh())
    assert await still(cluster) == before
