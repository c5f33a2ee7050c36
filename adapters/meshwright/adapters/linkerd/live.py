"""What a mesh has now, for analysis and import, and what its pods have logged."""

from collections.abc import Sequence

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.analysis import KINDS
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import cluster_of, of_kinds
from meshwright.core.kit.kubernetes.facts import live


@adapter.live_resources
async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the cluster that analyzers look at."""
    return await of_kinds(await cluster_of(scope), KINDS)


@adapter.live_kinds
async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster."""
    return await of_kinds(await cluster_of(scope), wanted)


live.register(adapter, proxies=frozenset({words.PROXY}))
