"""Following changes together, against a real API server."""

import asyncio
from typing import Any

import pytest

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.target import occupants
from meshwright.schemas.connections import Kubernetes
from rig.relay import relay

FOREVER = 60.0


def config_map(namespace: str, name: str, **data: str) -> dict[str, Any]:
    """A small object."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}, "data": data}


async def names(follower: Any, wanted: set[str]) -> None:
    """Read until all of these were yielded."""
    collected: set[str] = set()
    async with asyncio.timeout(FOREVER):
        while not wanted <= collected:
            collected |= {ref.name for ref in await follower.changed()}
    assert collected - occupants.EVERYWHERE == wanted


async def test_all_followers_are_reported_by_one_watch(cluster: k8s.Cluster, namespace: str) -> None:
    """Each what changed since it began; what was there before is no change."""
    await cluster.apply(config_map(namespace, "before"), owner="one")
    async with cluster.shared.follow("", "ConfigMap", namespace) as first:
        await cluster.apply(config_map(namespace, "a"), owner="one")
        await names(first, {"a"})
        async with cluster.shared.follow("", "ConfigMap", namespace) as second:
            await cluster.apply(config_map(namespace, "a", color="red"), owner="one")
            await cluster.delete(k8s.reference_of(config_map(namespace, "before")))
            await names(first, {"a", "before"})
            await names(second, {"a", "before"})
            assert len(cluster.shared) == 1
    assert len(cluster.shared) == 0


async def test_what_changes_while_the_cluster_is_away_is_reported_afterwards(
    kubernetes_settings: Kubernetes, cluster: k8s.Cluster, namespace: str
) -> None:
    """Changed, created and deleted behind a wire that was cut."""
    for name in ("changed", "deleted", "same"):
        await cluster.apply(config_map(namespace, name), owner="one")
    async with (
        relay(kubernetes_settings) as (wire, settings),
        k8s.Cluster.open(settings) as far,
        far.shared.follow("", "ConfigMap", namespace) as follower,
    ):
        wire.cut()
        await cluster.apply(config_map(namespace, "changed", color="red"), owner="one")
        await cluster.apply(config_map(namespace, "created"), owner="one")
        await cluster.delete(k8s.reference_of(config_map(namespace, "deleted")))
        wire.mend()
        await names(follower, {"changed", "created", "deleted"})


async def test_followers_of_a_closed_client_get_an_error(kubernetes_settings: Kubernetes, namespace: str) -> None:
    """They ask for the new one and go on."""
    async with (
        k8s.Cluster.open(kubernetes_settings) as short,
        short.shared.follow("", "ConfigMap", namespace) as follower,
    ):
        await short.close()
        with pytest.raises(k8s.Closed):
            async with asyncio.timeout(FOREVER):
                while True:
                    await follower.changed()


async def test_a_kind_that_is_not_served_is_followed_without_an_error(cluster: k8s.Cluster) -> None:
    """It has no objects, and following it ends like any other."""
    async with cluster.shared.follow("example.org", "Nope") as follower:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await follower.changed()


async def test_metadata_alone_is_watched_when_that_is_enough(cluster: k8s.Cluster, namespace: str) -> None:
    """Of large objects the server sends the small part."""
    await cluster.apply(config_map(namespace, "large", text="x" * 100_000), owner="one")
    async with asyncio.timeout(FOREVER):
        async for event in cluster.watch("", "ConfigMap", namespace, metadata_only=True):
            if isinstance(event, k8s.Added) and event.item.ref.name == "large":
                assert len(bytes(event.item.raw)) < 2000
                assert event.item.uid
                break
