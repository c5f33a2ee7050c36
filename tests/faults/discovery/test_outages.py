"""What a connection's conditions say of its cluster while it fails, and when it is back."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas.connections import Kubernetes
from rig.discovery import Seen
from rig.interceptor import intercepting, throttling, unauthorized, unreachable

pytestmark = [pytest.mark.servers, pytest.mark.faults]
Discover = Callable[..., AbstractAsyncContextManager[WorkerProcess]]


async def test_each_kind_of_outage_has_its_condition_until_it_is_over(
    kubernetes_settings: Kubernetes, seen: Seen, discover: Discover
) -> None:
    """Unreachable, expired credentials, throttled: each has its own condition, which the first good response clears."""
    async with intercepting(kubernetes_settings) as (interceptor, settings), discover():
        await seen.connect(settings)
        await eventually(seen.synced, timeout=60)
        before = set(await seen.resources())
        for rule, kind, reason in (
            (unreachable, "Reachable", "Unreachable"),
            (unauthorized, "Authorized", "CredentialsRefused"),
            (throttling, "Throttled", "TooManyRequests"),
        ):
            interceptor.rule = rule
            interceptor.cut()

            async def is_told(kind: str = kind, reason: str = reason) -> bool:
                told = await seen.condition(kind)
                return told is not None and told.reason == reason

            async def is_over(kind: str = kind, reason: str = reason) -> bool:
                return bool(await seen.synced()) and not await is_told(kind, reason)

            await eventually(is_told, timeout=120)
            assert set(await seen.resources()) == before, "what was seen stays"
            interceptor.rule = None
            await eventually(is_over, timeout=120)
