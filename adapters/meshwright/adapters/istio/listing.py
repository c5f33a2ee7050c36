"""Objects of a cluster as plain bodies.

Invariant: a kind that the cluster does not serve has no objects; everything else that goes wrong is told.
"""

from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from meshwright.core.kit import kubernetes as k8s


async def listed(
    cluster: k8s.Cluster, group: str, kind: str, namespace: str | None = None, *, labels: str = ""
) -> list[dict[str, Any]]:
    """The objects of a kind; none where it is not served. Raises KubernetesError."""
    bodies: list[dict[str, Any]] = []
    if not await cluster.discovery.served([(group, kind)]):
        return bodies
    try:
        async with aclosing(cluster.list(group, kind, namespace, labels=labels)) as items:
            async for each in items:
                bodies.append(each.body)
    except k8s.NotFound:  # its definition went just now
        return []
    return bodies


async def every(cluster: k8s.Cluster, kinds: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """The objects of several kinds, each with the labels that they must have, in all namespaces.

    Raises KubernetesError.
    """
    return [body for group, kind, labels in kinds for body in await listed(cluster, group, kind, labels=labels)]
