"""Kuma is installed from a chart on a real API server with nodes that play, is upgraded, and is removed.

The chart is a stand-in of our own (`rig.kuma.charts`); the definitions are Kuma's real ones.
"""

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshwright.adapters.kuma import adapter
from meshwright.core import kit
from meshwright.core.kit.kubernetes.installing.authorities import Authorities
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UninstallMesh, UpgradeMesh, WithdrawWorkloads
from meshwright.schemas.workloads import ControllerMember, NamespaceMember
from rig.kubernetes.designs import MESH
from rig.kubernetes.operating import Operator, emptied, operating
from rig.kubernetes.workloads import deployment
from rig.kuma import schemas
from rig.kuma.charts import chart_folder
from testbed.cluster import KubernetesServer

pytestmark = pytest.mark.servers
_NEWER = "2.15.0"
LABEL = "kuma.io/sidecar-injection"


@pytest.fixture
async def operator(kubernetes_server: KubernetesServer, tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations of this adapter on a cluster without Kuma."""
    settings = Kubernetes(kubeconfig=kubernetes_server.kubeconfig())
    await emptied(settings, "kuma")
    async with operating(adapter, settings, chart_folder(tmp_path), tmp_path) as result:
        yield result
    await emptied(settings, "kuma")


async def test_kuma_comes_once_and_goes_without_a_trace(operator: Operator) -> None:
    """All that its chart brings is there and ready; asked for again nothing is done; removed, all is as before."""
    before = await operator.everything()
    shown = await operator.previewed(InstallMesh(values=operator.values))
    result = await operator.do(InstallMesh(values=operator.values))
    assert [each["chart"] for each in result["components"]] == ["", "kuma"]
    record = await operator.record()
    assert record is not None
    for ref in (ref for component in record.components for ref in component.inventory):
        assert await (await operator.cluster()).find(ref), ref
        assert str(ref) in shown
    plane = await operator.find("Deployment", "kuma-control-plane", "kuma-system", "apps")
    assert plane["status"]["availableReplicas"] == 1
    secret = await operator.find("Secret", "meshwright-kuma-tls", "kuma-system")
    webhook = await operator.find(
        "MutatingWebhookConfiguration", "kuma-admission-mutating-webhook-configuration",
        group="admissionregistration.k8s.io",
    )  # fmt: skip
    assert webhook["webhooks"][0]["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
    assert b"CERTIFICATE" in base64.b64decode(secret["data"]["tls.crt"])
    assert (await operator.do(InstallMesh(values=operator.values)))["unchanged"]
    removed = await operator.do(UninstallMesh(definitions="unused"))
    assert removed["kept"] == []
    assert await operator.everything() == before
    assert await operator.record() is None
    assert await (await Authorities.open(operator.runtime)).get(MESH) is None


async def test_an_upgrade_keeps_the_certificate_and_does_not_go_back(operator: Operator, tmp_path: Path) -> None:
    """To a newer release; what cannot be is refused before anything is changed."""
    await operator.do(InstallMesh(values=operator.values))
    secret = await operator.find("Secret", "meshwright-kuma-tls", "kuma-system")
    newer = str(chart_folder(tmp_path / "newer", _NEWER))
    result = await operator.do(UpgradeMesh(version=_NEWER, values={"charts": newer}))
    assert (result["version"], result["notes"]) == (
        _NEWER,
        ["proxies go on with their release until their workloads are restarted"],
    )
    plane = await operator.find("Deployment", "kuma-control-plane", "kuma-system", "apps")
    assert plane["spec"]["template"]["spec"]["containers"][0]["image"].endswith(_NEWER)
    assert (await operator.find("Secret", "meshwright-kuma-tls", "kuma-system"))["data"] == secret["data"]
    for arguments, words in (
        (UpgradeMesh(version="2.14.3", values={"charts": newer}), "cannot be brought to"),
        (UpgradeMesh(version="newest"), "is no release"),
        (InstallMesh(profile="x", values=operator.values), "Kuma has no profiles"),
    ):
        with pytest.raises(kit.Reject, match=words):
            await operator.do(arguments)


async def test_namespaces_and_workloads_join_by_the_label_and_leave(operator: Operator) -> None:
    """A workload alone joins in a namespace that gets the label for it; another mesh of Kuma's is not entered."""
    await operator.do(InstallMesh(values=operator.values))
    cluster = await operator.cluster()
    place = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    await cluster.apply(place, owner="me")
    await cluster.apply(deployment("shop", "web", pods={"app": "web"}), owner="me")
    web = ControllerMember(namespace="shop", kind="deployment", name="web", restart=True)
    await operator.do(EnrolWorkloads(workloads=[web]))
    assert (await operator.find("Namespace", "shop"))["metadata"]["labels"][LABEL] == "disabled"
    template = (await operator.find("Deployment", "web", "shop", "apps"))["spec"]["template"]
    assert template["metadata"]["labels"][LABEL] == "enabled"
    await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert (await operator.find("Namespace", "shop"))["metadata"]["labels"][LABEL] == "enabled"
    result = await operator.do(WithdrawWorkloads(workloads=[NamespaceMember(namespace="shop")]))
    assert LABEL not in (await operator.find("Namespace", "shop"))["metadata"]["labels"]
    assert "counts more" in result["left"][0]["because"]
    other = {"name": "shop", "labels": {LABEL: "enabled", "kuma.io/mesh": "payments"}}
    await cluster.apply({**place, "metadata": other}, owner="me")
    with pytest.raises(kit.Reject, match="in the mesh payments"):
        await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop")]))


async def test_what_is_kept_of_a_removed_kuma_is_told(operator: Operator) -> None:
    """Definitions that nobody asked for; nobody waits for an injector that is gone."""
    await operator.do(InstallMesh(values=operator.values))
    cluster = await operator.cluster()
    await cluster.apply(schemas.mesh(), owner="me")
    meta = {"name": "shop", "labels": {LABEL: "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="me")
    result = await operator.do(UninstallMesh(definitions="unused"))
    because = {each["resource"]: each["because"] for each in result["kept"]}
    assert because == {"CustomResourceDefinition meshes.kuma.io": "there is Mesh default"}
    assert LABEL not in (await operator.find("Namespace", "shop"))["metadata"]["labels"]
