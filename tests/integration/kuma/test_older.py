"""Designs on a real API server with the real definitions of Kuma 2.14: other names, and gateways of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import meshwright.adapters.kuma  # noqa: F401 - registers all
from meshwright.adapters.kuma.adapter import adapter
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.connections import Kubernetes
from rig.kubernetes.designs import designing
from rig.kuma import schemas
from rig.kuma.installed import Installed
from rig.kuma.meshes import INGRESS, SAMPLES, bookinfo
from testbed.cluster import KubernetesServer

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def kuma(kubernetes_server: KubernetesServer) -> Iterator[Installed]:
    """Kuma with the definitions of 2.14, for one module."""
    with Installed(kubernetes_server, "2.14") as result:
        yield result


@pytest.fixture
async def names(kuma: object, cluster: k8s.Cluster) -> None:
    """The mesh knows its services by name, as a new one of 2.14 does."""
    await cluster.apply(schemas.mesh(meshServices={"mode": "Exclusive"}), owner="test", force=True)


async def test_every_intent_is_taken_by_2_14_and_leaves_nothing(
    names: None, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> None:
    """All samples and an ingress in one design: applied, planned again without a change, and gone with it."""
    meta = {"name": namespace, "labels": {"kuma.io/sidecar-injection": "enabled"}}
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta}, owner="test", force=True)
    async with designing(adapter, kubernetes_settings, cluster, namespace, tmp_path) as mesh:
        await mesh.install(bookinfo(namespace=namespace))
        plan = await mesh.apply("canary", *SAMPLES, INGRESS)
        assert {each.ref.kind for each in plan.dry_run.changes} >= {"MeshGateway", "MeshGatewayInstance"}
        again = await mesh.plan("canary", *SAMPLES, INGRESS)
        assert (again.problems, again.dry_run.changes) == ([], [])
        route = await mesh.find("MeshHTTPRoute", "reviews", "kuma.io")
        assert route is not None
        assert route["spec"]["to"][0]["targetRef"]["name"] == "reviews"
        await mesh.apply("canary")
        for kind in ("MeshHTTPRoute", "MeshGateway", "MeshIdentity"):
            assert [each async for each in cluster.list("kuma.io", kind)] == []


async def test_a_mesh_that_does_not_know_its_services_by_name_is_told_how_to(
    kuma: object, kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str, tmp_path: Path
) -> None:
    """Policies would name what is not there, and do nothing."""
    await cluster.apply(schemas.mesh(), owner="test", force=True)
    async with designing(adapter, kubernetes_settings, cluster, namespace, tmp_path) as mesh:
        await mesh.install(bookinfo(namespace=namespace))
        plan = await mesh.plan("canary", SAMPLES[5])
        assert "meshServices.mode: Exclusive" in plan.unsupported[0].instead
