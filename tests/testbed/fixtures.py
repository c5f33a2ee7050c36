"""Pytest fixtures over the test bed, or over another cluster that `make test KUBECONFIG=… CONTEXT=…` names.

Invariant: tests keep to namespaces of their own, which are gone afterwards; one control plane serves a test process.
"""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from meshwright.core.kit.kubernetes import Cluster
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.references import ResourceRef
from testbed import programs
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod

KUBECONFIG, CONTEXT = "MESHWRIGHT_TEST_KUBECONFIG", "MESHWRIGHT_TEST_CONTEXT"


def skip_unless_built(*wanted: programs.Program) -> None:
    """Skip the test when programs of the test bed are missing."""
    if missing := programs.missing(*wanted):
        pytest.skip(f"needs {', '.join(missing)}: run `make testbed`")


@pytest.fixture(scope="session")
def kubernetes_server() -> Iterator[KubernetesServer]:
    """The control plane of this test process."""
    skip_unless_built(*programs.CLUSTER)
    with KubernetesServer() as server:
        yield server


@pytest.fixture(scope="module")
def istiod(kubernetes_server: KubernetesServer) -> Iterator[Istiod]:
    """Istio in the control plane of this test process, for one module: others want a cluster without it."""
    if os.environ.get(KUBECONFIG):
        pytest.skip("this istiod runs beside a cluster of the test bed's own: leave KUBECONFIG out")
    skip_unless_built(programs.ISTIOD, programs.ISTIOCTL)
    with Istiod(kubernetes_server) as running:
        yield running


@pytest.fixture(scope="session")
def kubernetes_settings(request: pytest.FixtureRequest) -> Kubernetes:
    """How to reach a cluster in which tests may do what they want within namespaces of their own."""
    if path := os.environ.get(KUBECONFIG):
        return Kubernetes(kubeconfig=Path(path).read_text(), context=os.environ.get(CONTEXT, ""))
    server: KubernetesServer = request.getfixturevalue("kubernetes_server")
    return Kubernetes(kubeconfig=server.kubeconfig())


@pytest.fixture
async def cluster(kubernetes_settings: Kubernetes) -> AsyncIterator[Cluster]:
    """A client of the cluster."""
    async with Cluster.open(kubernetes_settings) as client:
        yield client


@pytest.fixture
async def namespace(cluster: Cluster) -> AsyncIterator[str]:
    """A namespace of the test's own."""
    name = f"meshwright-test-{uuid.uuid4().hex[:8]}"
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, owner="test")
    yield name
    await cluster.delete(ResourceRef(kind="Namespace", name=name))
