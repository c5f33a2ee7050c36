"""A Kuma on a real API server with its real definitions: detected, and told with what its proxies have taken."""

from typing import Any

import pytest

from meshwright.adapters.kuma import detecting, insights, status
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from rig.kuma import schemas

pytestmark = pytest.mark.servers


async def test_a_kuma_is_detected_as_its_installation_is(kuma: object, cluster: k8s.Cluster) -> None:
    """Its namespace, release, meshes and conditions; a preview is told by the kinds that it serves."""
    (found,) = await status.detect(cluster)
    assert (found.plane.namespace, found.plane.mode, found.plane.zone) == ("kuma-system", "zone", "default")
    assert found.plane.release.startswith("0.0.0-preview")
    assert (found.level, found.meshes) == ("3.0", ["default"])
    told = {each.type: each.status for each in found.conditions}
    assert told == {
        "ControlPlaneReady": "True",
        "DefinitionsInstalled": "True",
        "WebhooksConfigured": "True",
        "MeshesDefined": "True",
    }


async def test_every_mesh_of_a_control_plane_can_be_managed(kuma: object, cluster: k8s.Cluster) -> None:
    """A second mesh is a second one, with its name as revision."""
    second = schemas.mesh("payments")
    await cluster.apply(second, owner="test")
    try:
        (found,) = await status.detect(cluster)
        assert [each.revision for each in detecting.summaries(found)] == ["default", "payments"]
    finally:
        await cluster.delete(k8s.reference_of(second))


async def test_what_a_proxy_has_taken_is_told_as_the_control_plane_counts_it(
    kuma: object, cluster: k8s.Cluster, namespace: str
) -> None:
    """From real Dataplane and DataplaneInsight objects: synced, behind, and away."""
    for name, sent, acked, ended in (("web", 4, 4, ""), ("late", 4, 3, ""), ("gone", 1, 1, "2026-01-01T00:00:00Z")):
        for body in _proxy(namespace, name, sent, acked, ended):
            await cluster.apply(body, owner="test")
    dataplanes = await listing.listed(cluster, "kuma.io", "Dataplane", namespace)
    known = await listing.listed(cluster, "kuma.io", "DataplaneInsight", namespace)
    proxies = insights.proxies("m", status.seen(dataplanes, known, "default"))
    assert {each.name: each.state for each in proxies} == {"web": "synced", "late": "stale", "gone": "disconnected"}
    (web,) = [each for each in proxies if each.name == "web"]
    assert (web.version, web.control_plane) == ("2.14.3", "cp-1")
    assert web.certificate is not None
    assert {each.type: (each.sent, each.acked) for each in web.sync} == {"Cluster": ("4", "4"), "Listener": ("4", "4")}
    assert status.seen(dataplanes, known, "payments") == []


def _proxy(namespace: str, name: str, sent: int, acked: int, ended: str) -> list[dict[str, Any]]:
    meta = {"name": name, "namespace": namespace}
    counts = {"responsesSent": str(sent), "responsesAcknowledged": str(acked)}
    subscription = {
        "id": "1",
        "controlPlaneInstanceId": "cp-1",
        "connectTime": "2026-01-01T00:00:00Z",
        **({"disconnectTime": ended} if ended else {}),
        "status": {"total": counts, "cds": counts, "lds": counts},
        "version": {"kumaDp": {"version": "2.14.3"}, "envoy": {"version": "1.36.0"}},
    }
    certificate = {"certificateExpirationTime": "2036-01-01T00:00:00Z"}
    api = {"apiVersion": "kuma.io/v1alpha1", "metadata": meta, "mesh": "default"}
    spec = {"networking": {"address": "10.244.0.1", "inbound": [{"port": 80}]}}
    insight = {"subscriptions": [subscription], "mTLS": certificate}
    return [{**api, "kind": "Dataplane", "spec": spec}, {**api, "kind": "DataplaneInsight", "status": insight}]
