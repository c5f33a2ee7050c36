"""The scheduler, killed at any point: what it alone can say is said all the same, and once."""

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import pytest
from example_adapter import NoOp

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.catalog import TERMINAL_TYPES
from rig.load.ledgers import whole

pytestmark = [pytest.mark.faults, pytest.mark.servers]
KILLS = 15
LATE, GIVEN_UP = 400, 100
_GIVEN_UP_BY = mwbus.WorkQueue(stream="COMMANDS", name="gives-up", subject="mw.cmd.*.hopeless.*.*.*", ack_wait=5.0)


async def told(bus: mwbus.Connection) -> int:
    """The number of terminal events that were published."""
    ends = [received for received in await whole(bus, subjects.EVENTS.stream) if received.type in TERMINAL_TYPES]
    return len(ends)


async def give_up_on(bus: mwbus.Connection) -> None:
    """A worker that cannot read any command."""
    async for job in mwbus.jobs(bus, _GIVEN_UP_BY):
        if job is not None:
            await job.term()


async def test_the_scheduler_is_killed_at_random_points(nats_server: NatsServer, tmp_path: Path, row: Any) -> None:
    """Expired deadlines and undeliverable commands, also while no scheduler runs, each become one terminal event."""
    chance = random.Random(15)
    async with mwbus.connect(nats_server.url, "api") as bus:
        leases = await mwbus.open_bucket(bus, "mw_leases")
        absent, hopeless = Sender(bus, "absent"), Sender(bus, "hopeless")
        late: list[str] = []
        poison: list[str] = []

        async def load() -> None:
            for number in range(LATE):
                late.append(await absent.ask(NoOp(), seconds=chance.uniform(0, 3)))
                if number % (LATE // GIVEN_UP) == 0:
                    poison.append(await hopeless.ask(NoOp(), seconds=600))
                await asyncio.sleep(0.05)

        beside = [asyncio.create_task(load()), asyncio.create_task(give_up_on(bus))]
        for _ in range(KILLS):
            async with console("meshwright-scheduler", directory=tmp_path, nats_url=nats_server.url) as scheduler:
                enough = await told(bus) + chance.randint(1, 25)
                await eventually(lambda enough=enough: _at_least(bus, enough), timeout=30, interval=0.05)  # type: ignore[misc]
                await scheduler.kill()
            await leases.delete("scheduler")  # it would expire in five seconds, fifteen times
        async with asyncio.timeout(60):
            await beside[0]
        begin = time.monotonic()
        async with console("meshwright-scheduler", directory=tmp_path, nats_url=nats_server.url) as scheduler:
            await eventually(lambda: _at_least(bus, LATE + GIVEN_UP), timeout=40, interval=0.2)
            row.recovery = time.monotonic() - begin
            ends = [kinds(await absent.events(one)) for one in late] + [
                kinds(await hopeless.events(one)) for one in poison
            ]
            assert await scheduler.stop() == 0
        await ending.end(*beside)
        letters = len(await whole(bus, subjects.DEADLETTERS.stream))
        expected = [["timed_out"]] * LATE + [["dead_lettered"]] * GIVEN_UP
        row.fault, row.injected, row.runs = "scheduler killed", f"kill -9 x{KILLS} under load", KILLS
        row.lost = sum(not end for end in ends) + GIVEN_UP - letters
        row.duplicated = sum(len(end) > 1 for end in ends)
        row.note = f"{LATE} deadlines, {GIVEN_UP} commands given up; recovery: the last start until all was told"
        assert ends == expected
        assert letters == GIVEN_UP


async def _at_least(bus: mwbus.Connection, count: int) -> bool:
    return await told(bus) >= count
