"""What a mesh has now, for analysis and import."""

from collections.abc import Sequence

from meshwright.core import kit
from meshwright.core.kit.analysis import LiveResources
from meshwright.core.kit.kubernetes import cluster_of, of_kinds


async def kinds(scope: kit.Scope, wanted: Sequence[tuple[str, str]]) -> LiveResources:
    """All resources of some kinds in the cluster."""
    return await of_kinds(await cluster_of(scope), wanted)
