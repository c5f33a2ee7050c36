"""What a mesh has now, for analysis and import, and what its pods have logged."""

from collections.abc import Collection, Sequence

from meshwright.adapters.linkerd import observing, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import pod_logs
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import Cluster, clusters, of_kinds
from meshwright.core.kit.structural import Definitions
from meshwright.schemas.workloads import LogPart, LogRequest

_PROXIES = frozenset({words.PROXY})
_ANALYZED = (("", "Service"), *observing.EXISTING)


@adapter.live_resources
async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the cluster that analyzers look at."""
    return await of_kinds(await _cluster(scope), _ANALYZED)


@adapter.live_kinds
async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster."""
    return await of_kinds(await _cluster(scope), wanted)


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
