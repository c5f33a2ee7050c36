"""The cluster that a target works in: as the mesh's connection is now, and still the one that was planned for.

Problem: an address may lead to another cluster tomorrow, as may new settings of a connection; the second half of an
operation must not land there. Invariant: where a cluster is expected, a client is given out only when the cluster has
told who it is within the last second, and since the last outage.
"""

import asyncio

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.clusters import clusters_of
from meshwright.core.kit.target import Scope

_FRESH = 1.0
"""seconds for which the connection is not asked for again: much is done for each object of a design"""


class ExpectedCluster:
    """Where one target works. Until `expect` is called, any cluster will do."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._client: Cluster | None = None
        self._asked_at = 0.0
        self._identity = ""

    def expect(self, identity: str) -> None:
        """Give out the cluster of this identity and no other; empty: any."""
        self._identity, self._client = identity, None

    def ask_again(self) -> None:
        """The connection may have other settings by now, or lead elsewhere."""
        self._client = None

    async def get(self) -> Cluster:
        """Its client, by the settings of a second ago at most.

        Raises Replaced, Reject, BusUnavailable, and where a cluster is expected KubernetesError.
        """
        now = asyncio.get_running_loop().time()
        if self._client is not None and now <= self._asked_at + _FRESH:
            return self._client
        mesh = self._scope.mesh
        client = await clusters_of(self._scope.service).get(mesh.workspace, mesh.connection)
        if self._identity and await client.identity() not in ("", self._identity):
            raise errors.Replaced(f"another cluster answers at the connection {mesh.connection} ({client.server})")
        self._client, self._asked_at = client, now
        return client
