"""What a mesh has now, for its analysis and for import, and what its pods have logged."""

from collections.abc import Collection, Sequence

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.analysis import live
from meshwright.core import kit
from meshwright.core.kit import pod_logs
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import Cluster, Forbidden, clusters, of_kinds
from meshwright.core.kit.structural import Definitions
from meshwright.schemas.workloads import LogPart, LogRequest

_PROXIES = frozenset({"istio-proxy"})
"""the containers of sidecars, gateways, waypoints and ztunnels"""


@adapter.live_resources
async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the cluster that the analyzers look at."""
    return await live.read(await _cluster(scope))


@adapter.live_kinds
async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster, and what the mesh itself was told."""
    cluster = await _cluster(scope)
    read = await of_kinds(cluster, wanted)
    try:
        return LiveResources(manifests=[*read.manifests, *await live.settings(cluster)], unread=read.unread)
    except Forbidden:
        return LiveResources(manifests=read.manifests, unread=read.unread | {live.CONFIG})


@adapter.definitions
async def definitions(scope: kit.Scope, kinds: Collection[tuple[str, str]]) -> Definitions:
    """What the cluster defines of these kinds."""
    return await (await _cluster(scope)).definitions.of(kinds)


@adapter.logs
async def logs(scope: kit.Scope, request: LogRequest) -> list[LogPart]:
    """The newest lines of a proxy's or a workload's containers."""
    return await pod_logs.read(await _cluster(scope), request, _PROXIES)


async def _cluster(scope: kit.Scope) -> Cluster:
    return await clusters.clusters_of(scope.service).get(scope.mesh.workspace, scope.mesh.connection)
