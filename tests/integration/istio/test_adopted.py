"""An Istio that others have installed is adopted as it is, and its proxies are observed: a real istiod, real Envoys."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from meshwright.adapters.istio import adapter
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.client import requesting
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.security import connection_secrets, sealing
from meshwright.core.testing import identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import subjects
from meshwright.schemas.connections import Connection, ConnectionWritten, Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import MutualTls
from meshwright.schemas.meshes import DetectionRequest, Detections, MeshObserved, MeshRemoved
from meshwright.schemas.operations import (
    AdoptMesh,
    ApplyDesign,
    EnrolWorkloads,
    ForgetMesh,
    InstallMesh,
    OperationSucceeded,
    RefreshStatus,
    RemoveDesign,
    UpgradeMesh,
)
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import NamespaceMember, proxy_id
from rig.istio.killing import killed
from rig.istio.published import Published
from rig.istio.snapshots import still
from rig.kubernetes.operating import Operator, operating
from testbed.cluster import KubernetesServer
from testbed.istiod import VERSION, Istiod
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = [pytest.mark.servers, pytest.mark.timeout(400)]
_SECONDS = 120.0
BROKEN = {
    "applyTo": "LISTENER",
    "match": {"context": "SIDECAR_OUTBOUND", "listener": {"portNumber": 9080}},
    "patch": {"operation": "MERGE", "value": {"socket_options": [{"level": 1, "name": 999_999, "int_value": 1}]}},
}

FILTER = ResourceRef(group="networking.istio.io", kind="EnvoyFilter", name="broken")
DEPLOYMENT = ResourceRef(group="apps", kind="Deployment", name="stranger")


@pytest.fixture
async def beside(istiod: Istiod, kubernetes_settings: Kubernetes, tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations where Istio was installed by others."""
    async with operating(adapter, kubernetes_settings, tmp_path, tmp_path) as result:
        yield result


async def detected(operator: Operator) -> Detections:
    """What detection tells of the cluster."""
    assert adapter.adoption is not None
    return await kit.detect(adapter.adoption, kit.ConnectionScope(operator.runtime, operator.clusters, "default", "k"))


async def test_a_mesh_of_others_is_adopted_used_and_forgotten_without_a_touch(beside: Operator, namespace: str) -> None:
    """No object of the cluster changes when it is detected, adopted, looked at, refused an upgrade and forgotten;
    between, it is used as any other mesh.
    """
    cluster = await beside.cluster()
    before = await still(cluster)
    (mesh,) = (await detected(beside)).meshes
    assert (mesh.kind, mesh.adapter, mesh.namespace, mesh.revision) == ("istio", "istio", "istio-system", "default")
    assert (mesh.version, mesh.installer, mesh.mesh) == (VERSION, "manifests", "")

    result, kills = await killed(beside, AdoptMesh())
    assert kills == 6, "its worker died twice at each of its three steps"
    assert not result["unchanged"]
    assert result["detected"]["revision"] == "default"
    assert (await beside.do(AdoptMesh()))["unchanged"], "it is managed under this name already"
    observed = await Published(beside.bus).mesh()
    assert isinstance(observed, MeshObserved)
    assert (observed.mesh.namespace, observed.mesh.revisions) == ("istio-system", ["default"])
    assert (observed.mesh.version, observed.mesh.installer) == (VERSION, "manifests")
    assert [each.mesh for each in (await detected(beside)).meshes] == ["prod"]
    await beside.do(RefreshStatus())
    for arguments in (InstallMesh(), UpgradeMesh()):
        with pytest.raises(kit.Reject) as refused:
            await beside.do(arguments)
        assert refused.value.failure.code == "MW4012"
        assert "Apply the manifests" in refused.value.failure.remedy
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
    assert isinstance(await Published(beside.bus).mesh(), MeshRemoved)
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


@pytest.fixture
async def world(kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str) -> AsyncIterator[SidecarWorld]:
    """Two clients with sidecars and a gateway."""
    made = SidecarWorld(
        *(kubernetes_server, istiod, namespace, [Service("reviews")]),
        clients=["client", "stranger"],
        gateways=["ingress"],
    )
    try:
        async with made as result:
            yield result
    except Refused as refused:
        pytest.skip(str(refused))


async def connect(bus: mwbus.Connection, directory: Path, settings: Kubernetes) -> None:
    """Store the connection `local`, its kubeconfig sealed with the key that the worker has."""
    sealer = sealing.from_file(directory / "secret-keys")
    sealed = connection_secrets.seal(sealer, {"/kubeconfig": settings.kubeconfig}, "default", "local")
    document = Connection(id="local", kind="kubernetes", credentials=["/kubeconfig"])
    subject = subjects.fill(subjects.STATE, workspace="default", kind="connection", id="local")
    await bus.publisher.publish(subject, ConnectionWritten(document=document, sealed=sealed, principal="ann"))


async def test_what_proxies_take_refuse_and_leave_is_told(
    world: SidecarWorld, cluster: k8s.Cluster, kubernetes_settings: Kubernetes, tmp_path: Path
) -> None:
    """Synced at first; what a real Envoy refuses in its own words, without anybody asking; a killed one as
    disconnected, then as gone.
    """
    ids = {name: proxy_id("prod", world.namespace, world.pod(name).name) for name in ("client", "stranger", "ingress")}
    options: dict[str, Any] = {"connection_allow": "127.0.0.0/8", "worker_status_every": "0.5"}
    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "api") as bus:
        await connect(bus, tmp_path, kubernetes_settings)
        told, sender = Published(bus), Sender(bus, "istio")
        async with worker_process("istio", nats.url, tmp_path, **options):
            events = await sender.end(await sender.ask(AdoptMesh(), "prod", _SECONDS), _SECONDS)
            assert isinstance(events[-1], OperationSucceeded), events[-1]
            asked = msgspec.json.encode(DetectionRequest(workspace="default", connection="local"))
            credentials = identities.credentials_file("api", tmp_path)
            async with mwbus.connect(nats.address, "api", credentials_file=credentials) as api:
                answer = await requesting.request(api, "istio", "detect", asked, timeout=_SECONDS)
            (mesh,) = msgspec.json.decode(answer, type=Detections).meshes
            assert (mesh.kind, mesh.version, mesh.mesh) == ("istio", VERSION, "prod")
            events = await sender.end(await sender.ask(RefreshStatus(), "prod", _SECONDS), _SECONDS)
            assert isinstance(events[-1], OperationSucceeded), events[-1]
            assert events[-1].result["proxies"] == {"synced": 3}
            assert "its root ends on" in (await told.conditions())["AuthorityValid"]

            async def are(state: str, *names: str) -> bool:
                known = [await told.proxy(ids[each]) for each in names]
                return all(each is not None and each.state == state for each in known)

            async def refreshed(state: str, *names: str) -> bool:
                await sender.end(await sender.ask(RefreshStatus(), "prod", _SECONDS), _SECONDS)
                return await are(state, *names)

            assert await are("synced", *ids)
            assert await told.shown(ids["client"]) == ("sidecar", "deployment~client", "istiod", VERSION)
            assert await told.shown(ids["ingress"]) == ("gateway", "deployment~ingress", "istiod", VERSION)

            meta = {"name": "broken", "namespace": world.namespace}
            body = {"apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter", "metadata": meta}
            await cluster.apply({**body, "spec": {"configPatches": [BROKEN]}}, owner="test")
            await eventually(lambda: are("rejected", "client"), timeout=_SECONDS)
            refused = await told.proxy(ids["client"])
            assert refused is not None
            types = {each.type: each.state for each in refused.sync}
            assert (types["Listener"], types["Cluster"]) == ("rejected", "synced")
            assert "Setting socket options failed" in refused.error
            assert refused.sent != refused.acked
            assert "Setting socket options failed" in (await told.conditions())["ProxiesSynced"]
            await cluster.delete(replace(FILTER, namespace=world.namespace))
            await eventually(lambda: refreshed("synced", *ids), timeout=_SECONDS)

            await world.kill("stranger")
            await eventually(lambda: refreshed("disconnected", "stranger"), timeout=_SECONDS)
            assert "without a connection to istiod" in (await told.conditions())["ProxiesSynced"]
            await cluster.delete(replace(DEPLOYMENT, namespace=world.namespace))
            await eventually(lambda: refreshed("synced", "client", "ingress"), timeout=_SECONDS)
            await eventually(lambda: told.is_removed(ids["stranger"]), timeout=_SECONDS)
