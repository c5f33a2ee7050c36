"""Beside a real istiod: what it writes into its webhooks is left to it, and it injects what is enrolled."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.schemas.operations import EnrolWorkloads, InstallMesh, UninstallMesh
from meshwright.schemas.workloads import NamespaceMember
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.fixtures import skip_unless_built
from testbed.istiod import Istiod

pytestmark = pytest.mark.servers
GROUP = "admissionregistration.k8s.io"


@pytest.fixture
async def served(operator: Any, kubernetes_server: KubernetesServer) -> AsyncIterator[InstallMesh]:
    """Istio as this adapter has installed it, with a real istiod behind its services."""
    skip_unless_built(programs.ISTIOD)
    wanted = InstallMesh(version="1.31.0", profile="minimal", values=operator.values)
    await operator.do(wanted)
    istiod = Istiod(kubernetes_server, install=False)
    await asyncio.to_thread(istiod.start)
    yield wanted
    await asyncio.to_thread(istiod.close)


async def test_the_life_of_a_mesh_beside_a_real_istiod(operator: Any, served: InstallMesh) -> None:
    """Its webhooks are its own, its sidecars come with a restart, and removal takes away what it has made."""

    async def strict() -> bool:
        outcome = await operator.find("ValidatingWebhookConfiguration", "istio-validator-istio-system", "", GROUP)
        return bool(outcome["webhooks"][0]["failurePolicy"] == "Fail")

    await eventually(strict, timeout=60)
    assert (await operator.do(served))["unchanged"], "what istiod wrote is no difference"
    assert await strict()
    cluster = await operator.cluster()
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, owner="me")
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "app", "image": "app:1"}]}}
    spec = {"selector": {"matchLabels": {"app": "web"}}, "template": pod}
    meta = {"name": "web", "namespace": "shop"}
    await cluster.apply({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}, owner="me")
    await operator.do(EnrolWorkloads(workloads=[NamespaceMember(namespace="shop", restart=True)]))
    sidecars = [each.body async for each in cluster.list("", "Pod", "shop", labels="security.istio.io/tlsMode=istio")]
    assert len(sidecars) == 1
    result = await operator.do(UninstallMesh(definitions="unused"))
    assert result["leftovers"] > 3
    assert result["proxies_left"] == {"shop": 1}
