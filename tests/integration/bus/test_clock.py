"""The server's clock, as every process reads it."""

import time
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.client.clock import ServerClock
from meshwright.core.testing.servers import NatsServer

pytestmark = pytest.mark.servers


async def test_it_reports_the_servers_time(nats_server: NatsServer, monkeypatch: Any) -> None:
    """A process whose wall clock is wrong by a day reads the right time all the same."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        true = time.time()
        monkeypatch.setattr(time, "time", lambda: true + 86_400)
        assert abs(await bus.clock.now() - true) < 2


async def test_it_goes_on_without_the_server(nats_server: NatsServer) -> None:
    """While the server is unavailable its time is extrapolated; it never runs backwards."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        before = await bus.clock.now()
        await nats_server.kill()
        after = [await bus.clock.now() for _ in range(3)]
        assert before <= after[0] <= after[1] <= after[2] < before + 5


async def test_without_a_word_from_the_server_there_is_no_time(nats_server: NatsServer) -> None:
    """A clock that never received the server's time raises instead of guessing."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        clock = ServerClock(bus.client)
        await nats_server.kill()
        with pytest.raises(mwbus.BusUnavailable):
            await clock.now()
