"""Consul's operations in a cluster with workers that are killed, on a real API server."""

from collections.abc import Iterator

import pytest

from meshwright.schemas.connections import Kubernetes
from rig.consul.schemas import Installed
from testbed.cluster import KubernetesServer


@pytest.fixture
def kubernetes_settings(kubernetes_server: KubernetesServer) -> Kubernetes:
    """A cluster of the tests' own, whoever names another: Consul is installed in it, and removed from it."""
    return Kubernetes(kubeconfig=kubernetes_server.kubeconfig())


@pytest.fixture(scope="module")
def consul_in_cluster(kubernetes_server: KubernetesServer) -> Iterator[Installed]:
    """Consul as its chart renders it, for one module."""
    with Installed(kubernetes_server) as result:
        yield result
