"""Objects of a cluster: as plain bodies for whoever looks at some of them, or all of some kinds for analysis.

Invariant: a kind that the cluster does not serve has no objects; one that may not be read is told as such.
"""

import asyncio
from collections.abc import Collection, Iterable
from contextlib import aclosing

import msgspec

from meshwright.core.kit.analysis import LiveResources, Manifest, from_object
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.errors import Forbidden, NotFound, UnknownKind
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.core.kit.kubernetes.target import ordering

_AT_ONCE = 4


class Wanted(msgspec.Struct, frozen=True):
    """The objects of one kind: in one namespace or all, with all labels or these."""

    group: str
    kind: str
    namespace: str | None = None
    labels: str = ""


async def listed(
    cluster: Cluster, group: str, kind: str, namespace: str | None = None, *, labels: str = ""
) -> list[Body]:
    """The objects of a kind; none where it is not served. Raises KubernetesError."""
    bodies: list[Body] = []
    if not await cluster.discovery.served([(group, kind)]):
        return bodies
    try:
        async with aclosing(cluster.list(group, kind, namespace, labels=labels)) as items:
            async for each in items:
                bodies.append(each.body)
    except NotFound:  # its definition went just now
        return []
    return bodies


async def together(cluster: Cluster, wanted: Collection[Wanted]) -> dict[Wanted, list[Body]]:
    """Several lists, asked for at the same time. Raises KubernetesError."""

    async def one(each: Wanted) -> list[Body]:
        return await listed(cluster, each.group, each.kind, each.namespace, labels=each.labels)

    return dict(zip(wanted, await ordering.every(wanted, one), strict=True))


async def every(cluster: Cluster, wanted: Collection[Wanted]) -> list[Body]:
    """The objects of several lists as one. Raises KubernetesError."""
    return [body for bodies in (await together(cluster, wanted)).values() for body in bodies]


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
