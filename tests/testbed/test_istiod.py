"""The istiod of the test bed is a real one: it refuses what is wrong, injects sidecars, and goes without a trace."""

from typing import Any

import pytest

from meshwright.core.testing.eventually import eventually
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import NAMESPACE, Istiod
from testbed.objects import Object, Objects

pytestmark = pytest.mark.servers


def route(namespace: str, weight: int) -> Object:
    """A VirtualService that sends this share to one of two hosts."""
    destinations = [{"destination": {"host": "a"}, "weight": weight}, {"destination": {"host": "b"}, "weight": 10}]
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": {"name": "web", "namespace": namespace},
        "spec": {"hosts": ["web"], "http": [{"route": destinations}]},
    }


async def test_a_weight_below_zero_is_refused(
    kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str
) -> None:
    """The schema lets it through; only istiod's own validation knows better."""
    with kubernetes_server.client() as client:
        refused = Objects(client).try_apply(route(namespace, -5))
        assert refused.status_code == 400
        assert "weight -5 < 0" in refused.json()["message"]
        assert Objects(client).try_apply(route(namespace, 90)).is_success


async def test_pods_get_a_sidecar_where_they_ask_for_it(
    kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str
) -> None:
    """The injection webhook adds Istio's proxy to a pod."""
    pod: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web", "namespace": namespace, "labels": {"istio.io/rev": "default"}},
        "spec": {"containers": [{"name": "web", "image": "example.invalid/web:1"}]},
    }
    with kubernetes_server.client() as client:
        objects = Objects(client)
        await eventually(lambda: objects.try_apply(pod).is_success)  # as soon as its service account is there
        made = objects.get(pod)
    assert made
    containers = made["spec"]["containers"] + made["spec"].get("initContainers", [])
    assert "istio-proxy" in {each["name"] for each in containers}


async def test_the_cluster_shows_an_istio_that_answers(kubernetes_server: KubernetesServer, istiod: Istiod) -> None:
    """Its Deployment becomes available, and what is asked of its service arrives at the process."""
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "istiod", "namespace": NAMESPACE},
    }
    with kubernetes_server.client() as client:
        objects = Objects(client)
        await eventually(lambda: (objects.get(deployment) or {})["status"]["availableReplicas"] == 1, timeout=60)
        service = f"/api/v1/namespaces/{NAMESPACE}/services/istiod:http-monitoring/proxy"
        assert client.get(f"{service}/debug/syncz").json() == []
        assert "pilot_info" in client.get(f"{service}/metrics").text


async def test_it_goes_without_a_trace() -> None:
    """Neither webhooks nor definitions are left, which would stand in the way of every later test."""
    skip_unless_built(*programs.CLUSTER, programs.ISTIOD, programs.ISTIOCTL)
    with KubernetesServer() as server, server.client() as client:
        with Istiod(server):
            assert server.alive("istiod")
        assert not server.alive("istiod")
        admission = "/apis/admissionregistration.k8s.io/v1"
        for kinds in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
            assert client.get(f"{admission}/{kinds}").json()["items"] == []
        assert client.get(f"/api/v1/namespaces/{NAMESPACE}").status_code == 404
        assert "istio.io" not in {each["name"].partition(".")[2] for each in client.get("/apis").json()["groups"]}
