"""Designs and operations on a real API server with Consul's real definitions and its rendered installation."""

from collections.abc import Iterator

import pytest

from rig.consul.schemas import Installed
from testbed.cluster import KubernetesServer


@pytest.fixture(scope="module")
def consul_in_cluster(kubernetes_server: KubernetesServer) -> Iterator[Installed]:
    """Consul as its chart renders it, for one module."""
    with Installed(kubernetes_server) as result:
        yield result
