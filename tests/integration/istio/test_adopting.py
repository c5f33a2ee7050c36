"""An Istio that somebody else has installed is adopted as it is, beside a real istiod."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from meshwright.adapters.istio import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import MutualTls
from meshwright.schemas.meshes import Detections, MeshObserved, MeshRemoved
from meshwright.schemas.operations import (
    AdoptMesh,
    ApplyDesign,
    EnrolWorkloads,
    ForgetMesh,
    InstallMesh,
    RefreshStatus,
    RemoveDesign,
    UpgradeMesh,
)
from meshwright.schemas.workloads import NamespaceMember
from rig.istio.operating import Operator, operating
from testbed.istiod import VERSION, Istiod

pytestmark = [pytest.mark.servers, pytest.mark.timeout(300)]
OF_ITSELF = {"Event", "Lease", "Node", "PodMetrics", "NodeMetrics", "APIService"}
"""kinds that change while nobody does anything"""


@pytest.fixture
async def beside(istiod: Istiod, kubernetes_settings: Kubernetes, tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations where Istio was installed by others."""
    async with operating(kubernetes_settings, tmp_path, tmp_path) as result:
        yield result


LEADER = "control-plane.alpha.kubernetes.io/leader"
"""the annotation of those by which replicas of istiod elect one among them"""


async def versions(cluster: k8s.Cluster) -> dict[str, str]:
    """The resource version of every object of a cluster, but for those that change by themselves."""
    result = {}
    for api in await cluster.discovery.all():
        if "list" in api.verbs and api.kind not in OF_ITSELF:
            async with aclosing(cluster.list(api.group, api.kind)) as items:
                async for each in items:
                    if LEADER not in (k8s.at(each.body, "metadata", "annotations") or {}):
                        result[f"{each.ref} {each.uid}"] = str(each.body["metadata"].get("resourceVersion"))
    return result


async def still(cluster: k8s.Cluster) -> dict[str, str]:
    """The same, as soon as what was begun before has come to rest."""
    last: dict[str, str] = {}

    async def unchanged() -> bool:
        nonlocal last
        before, last = last, await versions(cluster)
        return last == before

    await eventually(unchanged, timeout=60)
    return last


async def detected(operator: Operator) -> Detections:
    """What detection tells of the cluster."""
    assert adapter.adoption is not None
    return await kit.detect(adapter.adoption, kit.ConnectionScope(operator.runtime, operator.clusters, "default", "k"))


async def told(operator: Operator) -> Any:
    """The newest word on the mesh."""
    received = await operator.bus.last("EVENTS", "mw.evt.default.istio.mesh.prod")
    assert received is not None
    return received.message()


async def test_a_mesh_of_others_is_adopted_used_and_forgotten_without_a_touch(beside: Operator, namespace: str) -> None:
    """No object of the cluster changes when it is detected, adopted, looked at, refused an upgrade and forgotten;
    between, it is used as any other mesh.
    """
    cluster = await beside.cluster()
    before = await still(cluster)
    (mesh,) = (await detected(beside)).meshes
    assert (mesh.kind, mesh.adapter, mesh.namespace, mesh.revision) == ("istio", "istio", "istio-system", "default")
    assert (mesh.version, mesh.installer, mesh.mesh) == (VERSION, "manifests", "")

    result = await beside.do(AdoptMesh())
    assert not result["unchanged"]
    assert result["detected"]["revision"] == "default"
    assert (await beside.do(AdoptMesh()))["unchanged"], "it is managed under this name already"
    observed = await told(beside)
    assert isinstance(observed, MeshObserved)
    assert (observed.mesh.namespace, observed.mesh.revisions) == ("istio-system", ["default"])
    assert (observed.mesh.version, observed.mesh.installer) == (VERSION, "manifests")
    assert [each.mesh for each in (await detected(beside)).meshes] == ["prod"]
    await beside.do(RefreshStatus())
    for arguments in (InstallMesh(), UpgradeMesh()):
        with pytest.raises(kit.Reject) as refused:
            await beside.do(arguments)
        assert refused.value.failure.code == "MW4012"
        assert "apply the manifests" in refused.value.failure.remedy
    assert await still(cluster) == before

    await beside.do(EnrolWorkloads(workloads=[NamespaceMember(namespace=namespace)]))
    design = Design(id="strict", namespace=namespace, intents=[MutualTls(mode="strict")])
    await beside.do(ApplyDesign(design=design))
    with pytest.raises(kit.Reject) as refused:
        await beside.do(ForgetMesh())
    assert refused.value.failure.code == "MW2034"
    await beside.do(RemoveDesign(design="strict"))

    before = await still(cluster)
    await beside.do(ForgetMesh())
    assert await still(cluster) == before
    assert isinstance(await told(beside), MeshRemoved)
    assert await beside.record() is None
    assert [each.mesh for each in (await detected(beside)).meshes] == [""]


async def test_an_adoption_that_is_taken_back_leaves_no_trace(beside: Operator) -> None:
    """Cancelled behind any of its steps, the mesh is as unknown as before."""
    context = beside.context(beside.command(AdoptMesh()))
    await beside.handle(context, AdoptMesh())
    assert await beside.record() is not None
    assert await context.undo_all()
    assert await beside.record() is None
    assert [each.mesh for each in (await detected(beside)).meshes] == [""]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (AdoptMesh(revision="canary"), "there is no mesh of this kind canary"),
        (AdoptMesh(namespace="elsewhere"), "there is no mesh of this kind in elsewhere"),
    ],
)
async def test_what_is_not_there_is_refused_with_what_is(beside: Operator, arguments: AdoptMesh, words: str) -> None:
    """The refusal names the meshes that are there, and nothing is recorded."""
    with pytest.raises(kit.Reject, match=words) as refused:
        await beside.do(arguments)
    assert f"istio {VERSION} istio-system/default" in refused.value.failure.cause
    assert await beside.record() is None
