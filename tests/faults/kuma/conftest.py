"""Kuma's operations with workers that are killed, on a real API server."""

from collections.abc import Iterator

import pytest

from meshwright.schemas.connections import Kubernetes
from rig.kuma.installed import Installed
from testbed.cluster import KubernetesServer


@pytest.fixture
def kubernetes_settings(kubernetes_server: KubernetesServer) -> Kubernetes:
    """A cluster of the tests' own, whoever names another: Kuma is installed in it, and removed from it."""
    return Kubernetes(kubeconfig=kubernetes_server.kubeconfig())


@pytest.fixture(scope="module")
def kuma(kubernetes_server: KubernetesServer) -> Iterator[Installed]:
    """Kuma as its chart renders it, for one module."""
    with Installed(kubernetes_server) as result:
        yield result
