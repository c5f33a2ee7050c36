"""The clusters that an adapter's worker has clients of, one for each connection.

Invariant: what is given is a client with the newest settings of its connection. When these change, the client before is
closed: who works with it is told so (Closed), asks again and goes on with the new one.
"""

import asyncio
from types import TracebackType

from meshwright.core.kit.kubernetes import errors, loading
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import ConnectionScope, Scope
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.errors import Failure


class Clusters:
    """The service of an adapter of a Kubernetes mesh, or a part of it named `clusters`.

    @adapter.service
    async def service(runtime: Runtime) -> AsyncIterator[Clusters]:
        async with Clusters(runtime) as clusters:
            yield clusters
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._open: dict[tuple[str, str], tuple[Kubernetes, Cluster]] = {}
        self._opening = asyncio.Lock()
        self._is_over = False

    async def __aenter__(self) -> "Clusters":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._opening:
            self._is_over = True
            for _, cluster in self._open.values():
                await cluster.close()
            self._open.clear()

    async def get(self, workspace: str, connection: str) -> Cluster:
        """The client of a connection, as it is now. Raises Reject, InvalidConnection, Closed, BusUnavailable."""
        settings = (await self._runtime.connection(workspace, connection)).settings
        if not isinstance(settings, Kubernetes):
            what = f"connection {connection} is no Kubernetes cluster, but of kind {settings.kind}"
            raise Reject(Failure(code="MW5016", what=what, remedy="Name a connection of kind kubernetes."))
        key = workspace, connection
        async with self._opening:
            if self._is_over:
                raise errors.Closed("this worker ends")
            known = self._open.get(key)
            if known and known[0] == settings:
                return known[1]
            cluster = Cluster(await loading.access(settings))
            self._open[key] = settings, cluster
            if known:
                await known[1].close()
            return cluster


def clusters_of(service: object) -> Clusters:
    """The clusters of an adapter's service. Raises TypeError."""
    clusters = service if isinstance(service, Clusters) else getattr(service, "clusters", None)
    if not isinstance(clusters, Clusters):
        raise TypeError("the adapter's service must be `Clusters`, or have them as its attribute `clusters`")
    return clusters


async def cluster_of(scope: Scope | ConnectionScope) -> Cluster:
    """The client of a mesh's or a connection's cluster. Raises Reject, InvalidConnection, Closed, BusUnavailable."""
    place = scope.mesh if isinstance(scope, Scope) else scope
    return await clusters_of(scope.service).get(place.workspace, place.connection)
