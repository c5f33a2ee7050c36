"""Requests into pods by port forwarding, through a real API server and a kubelet that plays."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import port_forward
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef
from testbed.cluster import KubernetesServer


@pytest.fixture
async def own_cluster(kubernetes_server: KubernetesServer) -> AsyncIterator[k8s.Cluster]:
    """A client of the test bed's own cluster, whose nodes forward to this host."""
    async with k8s.Cluster.open(Kubernetes(kubeconfig=kubernetes_server.kubeconfig())) as result:
        yield result


@pytest.fixture
async def pod(own_cluster: k8s.Cluster) -> AsyncIterator[ResourceRef]:
    """A pod that runs."""
    ref = ResourceRef(kind="Pod", namespace="default", name="forwarded")
    spec = {"containers": [{"name": "c", "image": "none"}], "terminationGracePeriodSeconds": 0}
    meta = {"name": ref.name, "namespace": ref.namespace}
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
    await own_cluster.apply(account, owner="test")
    await own_cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}, owner="test")

    async def runs() -> bool:
        return bool(k8s.at(await own_cluster.get(ref), "status", "phase") == "Running")

    await eventually(runs, timeout=60)
    yield ref
    await own_cluster.delete(ref)


async def answer(request: web.Request) -> web.StreamResponse:
    """What runs in the pod."""
    if request.path == "/missing":
        raise web.HTTPNotFound(text="no such page")
    if request.path == "/large":
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for _ in range(300):
            await response.write(b"x" * 10_000)
        return response
    return web.Response(text=f"{request.method} {request.path_qs}")


@pytest.fixture
async def inside(kubernetes_server: KubernetesServer) -> AsyncIterator[None]:
    """A server where the pod's ports lead."""
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", kubernetes_server.forwarded_port).start()
    yield
    await runner.cleanup()


async def test_a_request_reaches_what_listens_inside_a_pod(
    own_cluster: k8s.Cluster, pod: ResourceRef, inside: Any
) -> None:
    """Short and long answers come back whole, a refusal as what it is."""
    port = port_forward.PodPort(own_cluster, pod.namespace, pod.name, 15000)
    assert await port.get("/config_dump", {"mask": "a b"}) == b"GET /config_dump?mask=a+b"
    assert await port.request("POST", "logging") == b"POST /logging"
    assert len(await port.get("/large")) == 3_000_000
    with pytest.raises(k8s.NotFound, match="no such page"):
        await port.get("/missing")


async def test_where_nothing_listens_is_reported(own_cluster: k8s.Cluster, pod: ResourceRef) -> None:
    """In the node's own words; a pod that is not there is not found."""
    with pytest.raises(k8s.Unavailable, match="forwarded:15000"):
        await port_forward.PodPort(own_cluster, pod.namespace, pod.name, 15000).get("/")
    with pytest.raises(k8s.KubernetesError, match="nobody"):
        await port_forward.PodPort(own_cluster, pod.namespace, "nobody", 15000).get("/")
