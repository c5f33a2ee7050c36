"""A connection behind which another cluster answers than before."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from meshwright.core.kit.kubernetes import Cluster
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas.connections import Kubernetes
from rig.discovery import Seen
from rig.interceptor import another_cluster, intercepting, unreachable

pytestmark = pytest.mark.servers
Discover = Callable[..., AbstractAsyncContextManager[WorkerProcess]]


async def test_a_cluster_that_was_replaced_is_reported_until_the_connection_is_written_again(
    kubernetes_settings: Kubernetes, cluster: Cluster, seen: Seen, discover: Discover
) -> None:
    """Also by a worker that was not there when it happened; what is written again leads to the cluster of now."""
    identity = await cluster.identity()
    async with intercepting(kubernetes_settings) as (interceptor, settings):
        async with discover():
            await seen.connect(settings)
            await eventually(seen.synced, timeout=60)
            status = await seen.status()
            assert status
            assert status.cluster == identity
            interceptor.rule = unreachable
            interceptor.cut()
            await eventually(lambda: is_(seen, "Reachable", "False"), timeout=120)
            interceptor.rule = another_cluster
            await eventually(lambda: is_(seen, "Replaced", "True"), timeout=120)
            told = await seen.condition("Replaced")
            assert told
            assert f"UID another, and had {identity}" in told.message
        async with discover():
            await eventually(seen.synced, timeout=60)
            assert await is_(seen, "Replaced", "True")
            await seen.connect(settings)

            async def is_accepted() -> bool:
                status = await seen.status()
                return status is not None and status.cluster == "another" and not await seen.condition("Replaced")

            await eventually(is_accepted, timeout=120)


async def is_(seen: Seen, kind: str, status: str) -> bool:
    """Whether a condition has this status."""
    told = await seen.condition(kind)
    return told is not None and told.status == status
