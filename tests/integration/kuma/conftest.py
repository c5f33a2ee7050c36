"""Designs and operations on a real API server with Kuma's real definitions and its rendered installation."""

from collections.abc import Iterator

import pytest

from rig.kuma.installed import Installed
from testbed.cluster import KubernetesServer


@pytest.fixture(scope="module")
def kuma(kubernetes_server: KubernetesServer) -> Iterator[Installed]:
    """Kuma as its chart renders it, for one module."""
    with Installed(kubernetes_server) as result:
        yield result
