"""All objects of some kinds that a cluster has, for analysis and import.

Invariant: a kind that may not be read is reported as such; one that the cluster does not serve has no objects.
"""

import asyncio
from collections.abc import Iterable

from meshwright.core.kit.analysis import LiveResources, Manifest, from_object
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.errors import Forbidden, UnknownKind

_AT_ONCE = 4


async def of_kinds(cluster: Cluster, kinds: Iterable[tuple[str, str]]) -> LiveResources:
    """The objects of these groups and kinds. Raises KubernetesError when the cluster does not answer."""
    slots = asyncio.Semaphore(_AT_ONCE)
    manifests: list[Manifest] = []
    unread: set[tuple[str, str]] = set()

    async def of_kind(group: str, kind: str) -> None:
        async with slots:
            try:
                manifests.extend([from_object(item.body) async for item in cluster.list(group, kind)])
            except Forbidden:
                unread.add((group, kind))
            except UnknownKind:
                return

    async with asyncio.TaskGroup() as group:
        for each in kinds:
            group.create_task(of_kind(*each))
    return LiveResources(manifests=manifests, unread=frozenset(unread))
