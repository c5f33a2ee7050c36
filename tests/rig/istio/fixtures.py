"""Fixtures of tests that run Istio's operations; a conftest takes those that it needs by name."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshwright.adapters.istio import adapter
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.connections import Kubernetes
from rig.istio.admission import Admission
from rig.kubernetes.operating import SYSTEM, Operator, emptied, empty, operating, remove
from testbed import charts
from testbed.cluster import KubernetesServer


@pytest.fixture
def kubernetes_settings(kubernetes_server: KubernetesServer) -> Kubernetes:
    """A cluster of the tests' own, whoever names another: Istio is installed in it, and removed from it."""
    return Kubernetes(kubeconfig=kubernetes_server.kubeconfig())


@pytest.fixture
def istio_charts() -> Path:
    """Istio's own charts."""
    result = charts.istio_charts()
    if result is None:
        pytest.skip(charts.MISSING)
    return result


@pytest.fixture
async def admission(tmp_path: Path) -> AsyncIterator[Admission]:
    """An injector that injects nothing."""
    result = await asyncio.to_thread(Admission, tmp_path)
    await result.start()
    yield result
    await result.runner.cleanup()


@pytest.fixture
async def operator(kubernetes_settings: Kubernetes, istio_charts: Path, tmp_path: Path) -> AsyncIterator[Operator]:
    """Somebody who runs operations of this adapter on a cluster without Istio."""
    await emptied(kubernetes_settings, "istio")
    async with operating(adapter, kubernetes_settings, istio_charts, tmp_path) as result:
        yield result


@pytest.fixture
async def emptied_after(kubernetes_settings: Kubernetes) -> AsyncIterator[None]:
    """Nothing of the test's stays: webhooks of further revisions would stand in the way of an istiod after it."""
    yield
    await emptied(kubernetes_settings, "istio")


@pytest.fixture
async def furnished(kubernetes_settings: Kubernetes, istio_charts: Path, tmp_path: Path) -> AsyncIterator[Operator]:
    """The same where Istio may be there already, and nothing else of an earlier test."""
    async with k8s.Cluster.open(kubernetes_settings) as cluster:
        for api in await cluster.discovery.all():
            if api.kind == "Namespace":
                await remove(cluster, api, "", *SYSTEM, "istio-system")
        await eventually(lambda: empty(cluster, "istio-system"), timeout=60)
    async with operating(adapter, kubernetes_settings, istio_charts, tmp_path) as result:
        yield result
