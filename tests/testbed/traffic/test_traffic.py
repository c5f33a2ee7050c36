"""What is asked of Istio is what requests do: real istiod, real Envoys, real requests between pods."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from meshwright.core.testing.eventually import eventually
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.objects import Object, Objects
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = pytest.mark.servers


@pytest.fixture
async def world(kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str) -> AsyncIterator[SidecarWorld]:
    """A service of two versions, one with a sidecar, two clients, a gateway, and a host that is not in the cluster."""
    services = [Service("reviews", ("v1", "v2"), zones={"v2": "b"}), Service("ratings", sidecar=True)]
    made = SidecarWorld(
        *(kubernetes_server, istiod, namespace, services),
        clients=["client", "stranger"],
        gateways=["ingress"],
        outside=["api.example.com"],
    )
    try:
        async with made as result:
            yield result
    except Refused as refused:
        pytest.skip(str(refused))


def configured(server: KubernetesServer, *objects: Object) -> None:
    """Apply what an adapter would."""
    with server.client() as client:
        Objects(client).apply(*objects)


def resource(namespace: str, kind: str, name: str, spec: dict[str, Any], group: str = "networking") -> Object:
    """A resource of Istio."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": f"{group}.istio.io/v1", "kind": kind, "metadata": metadata, "spec": spec}


async def test_requests_follow_weights_and_headers(world: SidecarWorld, kubernetes_server: KubernetesServer) -> None:
    """Nine of ten reach the one version, all of those with the header the other."""
    subsets = [{"name": each, "labels": {"version": each}} for each in ("v1", "v2")]
    destinations = {each: {"destination": {"host": "reviews", "subset": each}} for each in ("v1", "v2")}
    tester = {"match": [{"headers": {"x-tester": {"exact": "yes"}}}], "route": [destinations["v2"]]}
    split = {"route": [{**destinations["v1"], "weight": 90}, {**destinations["v2"], "weight": 10}]}
    configured(
        kubernetes_server,
        resource(world.namespace, "DestinationRule", "reviews", {"host": "reviews", "subsets": subsets}),
        resource(world.namespace, "VirtualService", "reviews", {"hosts": ["reviews"], "http": [tester, split]}),
    )

    async def is_routed() -> bool:
        return await world.versions("reviews", 20, headers={"x-tester": "yes"}) == {"v2": 20}

    await eventually(is_routed, timeout=60)
    stored = await world.versions("reviews", 300)
    assert set(stored) == {"v1", "v2"}
    assert 10 <= stored["v2"] <= 60


async def test_only_the_named_client_reaches_a_service(
    world: SidecarWorld, kubernetes_server: KubernetesServer
) -> None:
    """Mutual TLS is strict, and the service's own sidecar tells the clients apart by their certificates."""
    rule = {"from": [{"source": {"principals": [f"cluster.local/ns/{world.namespace}/sa/client"]}}]}
    selector = {"matchLabels": {"app": "ratings"}}
    mutual = {"selector": selector, "mtls": {"mode": "STRICT"}}
    configured(
        kubernetes_server,
        resource(world.namespace, "PeerAuthentication", "ratings", mutual, "security"),
        resource(
            world.namespace, "AuthorizationPolicy", "ratings", {"selector": selector, "rules": [rule]}, "security"
        ),
    )

    async def is_refused() -> bool:
        answer = await world.request("ratings", client="stranger")
        assert answer.status == 403, f"{answer.status} {answer.text} {world.log('ratings-v1')}"
        return True

    await eventually(is_refused, timeout=60)
    answer = await world.request("ratings")
    assert answer.status == 200
    assert f"ns/{world.namespace}/sa/client" in answer.received["x-forwarded-client-cert"]
    assert "GET / HTTP/1.1" in world.log("client")


async def test_requests_that_fail_are_tried_again(world: SidecarWorld, kubernetes_server: KubernetesServer) -> None:
    """Twice, as asked; the client's own answer is the last one."""
    retries = {"attempts": 2, "retryOn": "5xx", "perTryTimeout": "10s"}
    http = [{"route": [{"destination": {"host": "ratings"}}], "retries": retries}]
    configured(
        kubernetes_server,
        resource(world.namespace, "VirtualService", "ratings", {"hosts": ["ratings"], "http": http}),
    )
    app = world.app("ratings")
    app.status = 500

    async def is_tried_thrice() -> bool:
        app.received.clear()
        return (await world.request("ratings")).status == 500 and len(app.received) == 3

    await eventually(is_tried_thrice, timeout=60)


async def test_a_gateway_lets_requests_in(world: SidecarWorld, kubernetes_server: KubernetesServer) -> None:
    """For its host alone, past the sidecar of who asks."""
    port = {"number": 80, "name": "http", "protocol": "HTTP"}
    gateway = {"selector": {"istio": "ingress"}, "servers": [{"port": port, "hosts": ["shop.example.com"]}]}
    route = [{"route": [{"destination": {"host": "reviews"}}]}]
    virtual = {"hosts": ["shop.example.com"], "gateways": ["shop"], "http": route}
    configured(
        kubernetes_server,
        resource(world.namespace, "Gateway", "shop", gateway),
        resource(world.namespace, "VirtualService", "shop", virtual),
    )

    async def is_let_in() -> bool:
        return (await world.request("reviews", gateway="ingress", host="shop.example.com")).service == "reviews"

    await eventually(is_let_in, timeout=60)
    assert (await world.request("reviews", gateway="ingress", host="other.example.com")).status == 404


async def test_a_host_outside_is_reached(world: SidecarWorld, kubernetes_server: KubernetesServer) -> None:
    """As soon as the mesh is told where it is."""
    address, port = world.outside("api.example.com")
    ports = [{"number": 9080, "targetPort": port, "name": "http", "protocol": "HTTP"}]
    entry = {"hosts": ["api.example.com"], "location": "MESH_EXTERNAL", "resolution": "STATIC", "ports": ports}
    configured(
        kubernetes_server,
        resource(world.namespace, "ServiceEntry", "api", {**entry, "endpoints": [{"address": address}]}),
    )

    async def is_reached() -> bool:
        return (await world.request("api.example.com", port=9080)).service == "api.example.com"

    await eventually(is_reached, timeout=60)


async def test_requests_stay_in_their_zone(world: SidecarWorld, kubernetes_server: KubernetesServer) -> None:
    """Where locality is preferred, the version beside the client answers; the other one only when that is gone."""
    detection = {"consecutive5xxErrors": 1, "interval": "1s", "baseEjectionTime": "60s", "maxEjectionPercent": 100}
    policy = {
        "outlierDetection": detection,
        "loadBalancer": {"localityLbSetting": {"enabled": True, "failoverPriority": ["topology.kubernetes.io/zone"]}},
    }
    configured(
        kubernetes_server,
        resource(world.namespace, "DestinationRule", "reviews", {"host": "reviews", "trafficPolicy": policy}),
    )

    async def is_near() -> bool:
        return await world.versions("reviews", 20) == {"v1": 20}

    await eventually(is_near, timeout=60)
    world.app("reviews").status = 503

    async def is_far() -> bool:
        return await world.versions("reviews", 20) == {"v2": 20}

    await eventually(is_far, timeout=60)


async def test_the_api_server_reaches_pods(world: SidecarWorld, kubernetes_server: KubernetesServer) -> None:
    """The process, and the statistics of its sidecar, as in a cluster with real nodes."""
    base = f"/api/v1/namespaces/{world.namespace}/pods"

    def asked(place: str) -> str:
        with kubernetes_server.client() as client:
            return client.get(f"{base}/{place}").raise_for_status().text

    assert '"reviews"' in await asyncio.to_thread(asked, f"{world.pod('reviews-v1').name}:8080/proxy/")
    pages = f"{world.pod('client').name}:15020/proxy/stats/prometheus"
    assert "envoy_cluster_upstream_rq" in await asyncio.to_thread(asked, pages)


async def test_a_world_ends_with_its_block(kubernetes_server: KubernetesServer, istiod: Istiod, namespace: str) -> None:
    """Also when the test fails in the middle: no Envoy, no namespace process and no folder is left."""
    made = SidecarWorld(kubernetes_server, istiod, namespace, [Service("web")])
    with pytest.raises(ZeroDivisionError):
        try:
            async with made as world:
                assert {each.name() for each in _children(made.folder)} > {"envoy"}
                assert (await world.request("web")).service == "web"
                _ = 1 / 0
        except Refused as refused:
            pytest.skip(str(refused))
    assert not _children(made.folder)
    assert not made.folder.exists()


def _children(folder: Path) -> list[psutil.Process]:
    """What runs below this process and was told of a folder."""
    result = []
    for each in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            if any(str(folder) in part for part in each.cmdline()):
                result.append(each)
    return result
