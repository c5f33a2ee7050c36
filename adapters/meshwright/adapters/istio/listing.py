"""Objects of a cluster as plain bodies.

Invariant: a kind that the cluster does not serve has no objects; everything else that goes wrong is told.
"""

from collections.abc import Collection
from contextlib import aclosing
from typing import Any

import msgspec

from meshwright.core.kit import kubernetes as k8s

Body = dict[str, Any]


class Wanted(msgspec.Struct, frozen=True):
    """The objects of one kind: in one namespace or all, with all labels or these."""

    group: str
    kind: str
    namespace: str | None = None
    labels: str = ""


async def listed(
    cluster: k8s.Cluster, group: str, kind: str, namespace: str | None = None, *, labels: str = ""
) -> list[Body]:
    """The objects of a kind; none where it is not served. Raises KubernetesError."""
    bodies: list[Body] = []
    if not await cluster.discovery.served([(group, kind)]):
        return bodies
    try:
        async with aclosing(cluster.list(group, kind, namespace, labels=labels)) as items:
            async for each in items:
                bodies.append(each.body)
    except k8s.NotFound:  # its definition went just now
        return []
    return bodies


async def together(cluster: k8s.Cluster, wanted: Collection[Wanted]) -> dict[Wanted, list[Body]]:
    """Several lists, asked for at the same time. Raises KubernetesError."""

    async def one(each: Wanted) -> list[Body]:
        return await listed(cluster, each.group, each.kind, each.namespace, labels=each.labels)

    return dict(zip(wanted, await k8s.every(wanted, one), strict=True))


async def every(cluster: k8s.Cluster, wanted: Collection[Wanted]) -> list[Body]:
    """The objects of several lists as one. Raises KubernetesError."""
    return [body for bodies in (await together(cluster, wanted)).values() for body in bodies]
