"""Two real istiods of two revisions in one cluster: both are seen, and a namespace moves from one to the other."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshwright.adapters.istio import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, RefreshStatus, UpgradeMesh
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import NamespaceMember, proxy_id
from rig.istio.published import Published
from rig.kubernetes.operating import Operator
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import NAMESPACE, Istiod
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
FOR_ENVOY: dict[str, Any] = {"meshConfig": {"defaultProviders": {"metrics": []}}}
"""without the statistics that only Istio's own build of Envoy has"""
OF_NEW = {"istiod": {**FOR_ENVOY, "podAnnotations": {"prometheus.io/port": "15114"}}}
"""another port of its pods, so that the test bed can tell them from those of the old one"""


@contextlib.asynccontextmanager
async def running(istiod: Istiod) -> AsyncIterator[Istiod]:
    """It, until the end of the block."""
    await asyncio.to_thread(istiod.start)
    try:
        yield istiod
    finally:
        await asyncio.to_thread(istiod.close)


@contextlib.asynccontextmanager
async def connected(server: KubernetesServer, istiod: Istiod, cluster: k8s.Cluster, name: str) -> AsyncIterator[str]:
    """A namespace with one pod, whose real Envoy an istiod serves; gives the name of the pod."""
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, owner="me")
    try:
        async with SidecarWorld(server, istiod, name, [], clients=["client"]) as world:
            yield world.pod("client").name
    except Refused as refused:
        pytest.skip(str(refused))
    finally:
        await cluster.delete(ResourceRef(kind="Namespace", name=name))


async def pods(cluster: k8s.Cluster, namespace: str, labels: str) -> list[dict[str, Any]]:
    """Those that are not on their way out."""
    listed = [each.body async for each in cluster.list("", "Pod", namespace, labels=labels)]
    return [each for each in listed if "deletionTimestamp" not in each["metadata"]]


async def revisions(operator: Operator) -> list[tuple[str, str, list[str]]]:
    """What detection says of the control planes: revision, version, namespaces."""
    assert adapter.adoption is not None
    scope = kit.ConnectionScope(operator.runtime, operator.clusters, "default", "k")
    meshes = (await kit.detect(adapter.adoption, scope)).meshes
    return [(each.revision, each.version, each.enrolled) for each in meshes]


async def injected_by(cluster: k8s.Cluster) -> list[str]:
    """The revision of the istiod that has injected each pod of the shop."""
    there = await pods(cluster, "shop", "app=web")
    return [json.loads(each["metadata"]["annotations"]["sidecar.istio.io/status"])["revision"] for each in there]


@pytest.mark.usefixtures("emptied_after")
async def test_both_are_seen_and_a_namespace_moves(operator: Operator, kubernetes_server: KubernetesServer) -> None:
    """Detection names both, each proxy is there once with the istiod that serves it; then pods get the sidecars of the
    new one, and the old one goes.
    """
    skip_unless_built(programs.ISTIOD)
    await operator.do(InstallMesh(version="1.30.3", profile="minimal", values={**operator.values, "istiod": FOR_ENVOY}))
    cluster, published = await operator.cluster(), Published(operator.bus)
    async with contextlib.AsyncExitStack() as open_:
        old = await open_.enter_async_context(running(Istiod(kubernetes_server, install=False)))
        await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, owner="me")
        pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
        spec = {"selector": {"matchLabels": {"app": "web"}}, "template": pod}
        meta = {"name": "web", "namespace": "shop"}
        await cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, owner="me")
        await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)]))
        assert await injected_by(cluster) == ["default"]

        values = {**OF_NEW, "until": "installed"}
        await operator.do(UpgradeMesh(version="1.31.0", revision="next", values=values))
        new = await open_.enter_async_context(running(Istiod(kubernetes_server, install=False, revision="next")))
        new.stand_for_pods(
            *(each["status"]["podIP"] for each in await pods(cluster, NAMESPACE, "app=istiod,istio.io/rev=next"))
        )
        assert await revisions(operator) == [("default", "1.30.3", ["shop"]), ("next", "1.31.0", [])]
        async with (
            connected(kubernetes_server, old, cluster, "served-by-old") as first,
            connected(kubernetes_server, new, cluster, "served-by-new") as second,
        ):
            result = await operator.do(RefreshStatus())
            assert result["proxies"] == {"synced": 2, "disconnected": 1}, "the shop's pod has no process"
            for namespace, name, revision in (("served-by-old", first, "default"), ("served-by-new", second, "next")):
                proxy = await published.proxy(proxy_id("prod", namespace, name))
                assert proxy is not None
                assert (proxy.state, proxy.revision) == ("synced", revision)
                assert proxy.control_plane.startswith("istiod-next-") == (revision == "next")

        done = await operator.do(UpgradeMesh(version="1.31.0", revision="next", values=OF_NEW))
        assert "Namespace shop" in done["moved"]
        assert await injected_by(cluster) == ["next"]
        assert done["retired"], done
        assert await revisions(operator) == [("next", "1.31.0", ["shop"])]
