"""What a mesh has now, for analysis and import, and what its pods have logged."""

from collections.abc import Sequence

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import cluster_of, of_kinds
from meshwright.core.kit.kubernetes.facts import live


@adapter.live_kinds
async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster."""
    return await of_kinds(await cluster_of(scope), wanted)


live.register(adapter, proxies=frozenset({words.SIDECAR}))
