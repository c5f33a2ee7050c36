"""What a mesh has now, for analysis and import."""

from collections.abc import Sequence

from meshwright.adapters.kuma.analysis import KINDS
from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import cluster_of, of_kinds


async def resources(scope: kit.Scope) -> LiveResources:
    """All resources of the cluster that analyzers look at."""
    return await of_kinds(await cluster_of(scope), KINDS)


async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster."""
    return await of_kinds(await cluster_of(scope), wanted)
