"""What a mesh has now, for its analysis and for import, and what its pods have logged."""

from collections.abc import Sequence

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.analysis import live
from meshwright.adapters.istio.proxies.pods import PROXY_CONTAINER
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import Forbidden, cluster_of, of_kinds
from meshwright.core.kit.kubernetes.facts import live as logging

logging.register(adapter, proxies=frozenset({PROXY_CONTAINER}))


@adapter.live_resources
async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the cluster that the analyzers look at."""
    return await live.read(await cluster_of(scope))


@adapter.live_kinds
async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster, and what the mesh itself was told."""
    cluster = await cluster_of(scope)
    read = await of_kinds(cluster, wanted)
    try:
        return LiveResources(manifests=[*read.manifests, *await live.settings(cluster)], unread=read.unread)
    except Forbidden:
        return LiveResources(manifests=read.manifests, unread=read.unread | {live.CONFIG})
