"""Proxies as istiod tells of them: a real istiod, real Envoys, and a real worker that publishes what they say."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from meshwright.core import bus as mwbus
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.security import connection_secrets, sealing
from meshwright.core.testing.asking import Asker
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Connection, ConnectionWritten, Kubernetes
from meshwright.schemas.meshes import MeshObserved
from meshwright.schemas.operations import OperationSucceeded, RefreshStatus
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import Proxy, ProxyObserved, ProxyRemoved, proxy_id
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


class Told:
    """What was published of proxies and meshes."""

    def __init__(self, bus: mwbus.Connection) -> None:
        self._bus = bus

    async def proxy(self, name: str) -> Proxy | None:
        """The newest word on a proxy; None when there is none, or it is gone."""
        last = await self._last("proxy", name)
        return last.proxy if isinstance(last, ProxyObserved) else None

    async def is_removed(self, name: str) -> bool:
        """Whether a proxy was told as gone."""
        return isinstance(await self._last("proxy", name), ProxyRemoved)

    async def shown(self, name: str) -> tuple[str, str, str, str]:
        """What a proxy is for, its workload, what serves it, its version."""
        one = await self.proxy(name)
        assert one is not None
        workload = "~".join((one.workload or "").split("~")[2:])
        return one.mode, workload, one.control_plane.partition("-")[0], one.version

    async def conditions(self) -> dict[str, str]:
        """The messages of the mesh's conditions by their types."""
        last = await self._last("mesh", "prod")
        assert isinstance(last, MeshObserved)
        return {each.type: each.message for each in last.mesh.conditions}

    async def _last(self, entity: str, name: str) -> Message | None:
        subject = subjects.fill(subjects.EVENTS, workspace="default", origin="istio", entity=entity, id=name)
        received = await self._bus.last("EVENTS", subject)
        return received.message() if received else None


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
    """Synced at first; what a real Envoy refuses in its own words; a killed one as disconnected, then as gone."""
    ids = {name: proxy_id("prod", world.namespace, world.pod(name).name) for name in ("client", "stranger", "ingress")}
    options: dict[str, Any] = {"connection_allow": "127.0.0.0/8", "worker_status_every": "0.5"}
    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "api") as bus:
        await connect(bus, tmp_path, kubernetes_settings)
        told, asker = Told(bus), Asker(bus, "istio")
        async with worker_process("istio", nats.url, tmp_path, **options):
            events = await asker.end(await asker.ask(RefreshStatus(), "prod", _SECONDS), _SECONDS)
            assert isinstance(events[-1], OperationSucceeded), events[-1]
            assert events[-1].result["proxies"] == {"synced": 3}

            async def are(state: str, *names: str) -> bool:
                known = [await told.proxy(ids[each]) for each in names]
                return all(each is not None and each.state == state for each in known)

            await eventually(lambda: are("synced", *ids), timeout=_SECONDS)
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
            await eventually(lambda: are("synced", *ids), timeout=_SECONDS)

            await world.kill("stranger")
            await eventually(lambda: are("disconnected", "stranger"), timeout=_SECONDS)
            assert "without a connection to istiod" in (await told.conditions())["ProxiesSynced"]
            await cluster.delete(replace(DEPLOYMENT, namespace=world.namespace))
            await eventually(lambda: told.is_removed(ids["stranger"]), timeout=_SECONDS)
            await eventually(lambda: are("synced", "client", "ingress"), timeout=_SECONDS)
