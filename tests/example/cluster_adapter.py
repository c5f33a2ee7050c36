"""The smallest adapter of a mesh in Kubernetes: designs of native resources, applied by the kit's target.

Its clusters come from the environment of the worker, so that the conformance suite needs no stored connection.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from meshwright.core import kit
from meshwright.core.kit.kubernetes import Cluster, Clusters, KubernetesTarget
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.intents import INTENT_TYPES

SETTINGS = "CLUSTER_ADAPTER_SETTINGS"
"""names a file with the settings of the only connection, as JSON"""
cluster = kit.Adapter("cluster", meshes=["cluster"], target=KubernetesTarget, connections=[Kubernetes], namespaces=True)
for kind in INTENT_TYPES:
    cluster.unsupported(kind, because="it only applies what is given to it")


def settings() -> Kubernetes:
    """The cluster that tests may use."""
    return msgspec.json.decode(Path(os.environ[SETTINGS]).read_bytes(), type=Kubernetes)


class OneCluster(Clusters):
    """The same cluster for every connection."""

    def __init__(self, runtime: kit.Runtime, only: Cluster) -> None:
        super().__init__(runtime)
        self._only = only

    async def get(self, workspace: str, connection: str) -> Cluster:
        """It."""
        return self._only


@cluster.service
async def service(runtime: kit.Runtime) -> AsyncIterator[Clusters]:
    """The cluster, for as long as the worker runs."""
    async with Cluster.open(settings()) as only:
        yield OneCluster(runtime, only)
