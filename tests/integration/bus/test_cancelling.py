"""Cancelling a task that waits for the bus works at once, at any moment."""

import asyncio
import random

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.servers import NatsServer

pytestmark = pytest.mark.servers
TASKS = 2000


async def test_a_cancellation_is_never_lost(nats_server: NatsServer) -> None:
    """Two thousand readers, each cancelled once while answers come in, all end."""
    async with mwbus.connect(nats_server.url, "test") as bus:

        async def read() -> None:
            while True:
                await bus.stream_bounds("EVENTS")

        for _ in range(TASKS // 20):
            readers = [asyncio.create_task(read()) for _ in range(20)]
            await asyncio.sleep(random.uniform(0.001, 0.01))
            for reader in readers:
                reader.cancel()
                await asyncio.sleep(0)
            _, left = await asyncio.wait(readers, timeout=20)
            for reader in left:
                reader.cancel()
            assert not left
