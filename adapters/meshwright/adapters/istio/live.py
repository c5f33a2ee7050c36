"""What a mesh has now, for its analysis."""

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.analysis import live
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import clusters


@adapter.live_resources
async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the cluster that the analyzers look at."""
    cluster = await clusters.clusters_of(scope.service).get(scope.mesh.workspace, scope.mesh.connection)
    return await live.read(cluster)
