"""The cluster that a target works in: as the mesh's connection is now, and still the one that was planned for.

Problem: an address may lead to another cluster tomorrow, as may new settings of a connection; the second half of an
operation must not land there. Invariant: where a cluster is expected, a client is given out only after the cluster has
told who it is, and again after each request that was left without an answer.
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
        self._checked: tuple[Cluster, int] | None = None
        """the client that is known to lead there, until it has lost more requests than these"""

    def expect(self, identity: str) -> None:
        """Give out the cluster of this identity and no other; empty: any."""
        self._identity, self._checked = identity, None

    def ask_again(self) -> None:
        """The connection may have other settings by now."""
        self._client = None

    async def get(self) -> Cluster:
        """Its client, by the settings of a second ago at most.

        Raises Replaced, Reject, BusUnavailable, and where a cluster is expected KubernetesError.
        """
        now = asyncio.get_running_loop().time()
        if self._client is None or now > self._asked_at + _FRESH:
            mesh = self._scope.mesh
            self._client = await clusters_of(self._scope.service).get(mesh.workspace, mesh.connection)
            self._asked_at = now
        client = self._client
        if self._identity and self._checked != (client, client.losses):
            losses = client.losses
            if await client.identity() not in ("", self._identity):
                connection = self._scope.mesh.connection
                raise errors.Replaced(f"another cluster answers at the connection {connection} ({client.server})")
            self._checked = client, losses
        return client
