"""Workers that come and go a hundred times."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from example_adapter import NoOp

from meshwright.core import bus as mwbus
from meshwright.core.bus.kv import presence
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process
from rig.load.ledgers import consumers
from rig.stack.stack import EXAMPLES

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.timeout(240)]
RESTARTS = 100
AT_ONCE = 4


async def test_workers_restarted_a_hundred_times_leave_no_consumers(
    nats_server: NatsServer, tmp_path: Path, row: Any
) -> None:
    """kill -9 and SIGTERM in turn: the server keeps as many consumers as before, and every operation ends once."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        sender = Sender(bus, "example")
        present = await presence.open_presence(bus)
        asked: list[str] = []
        left = iter(range(RESTARTS))

        async def live_and_die(number: int) -> None:
            async with worker_process("example_adapter:example", nats_server.url, tmp_path, EXAMPLES) as worker:
                await eventually(lambda: "is ready as" in worker.log.read_text())
                asked.append(await sender.ask(NoOp(), seconds=120))
                await _end(worker, number)

        async def one_after_another() -> None:
            for number in left:
                await live_and_die(number)

        await live_and_die(1)
        before = await consumers(bus)
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(one_after_another())
        async with worker_process("example_adapter:example", nats_server.url, tmp_path, EXAMPLES):
            ends = [kinds(await sender.end(operation, timeout=40)) for operation in asked]
            row.lost = sum(told[-1] != "succeeded" for told in ends)
            row.duplicated = sum(told.count("succeeded") > 1 for told in ends)
            after = await consumers(bus)
        row.fault, row.injected = "worker restarted", "kill -9 and SIGTERM in turn, 4 at a time"
        row.runs, row.note = RESTARTS, f"server-side consumers {before} before, {after} after"
        assert after <= before
        assert (row.lost, row.duplicated) == (0, 0)

        async def nobody() -> bool:
            return not await present.keys()

        await eventually(nobody, timeout=2 * presence.TTL)


async def _end(worker: WorkerProcess, number: int) -> None:
    if number % 2:
        assert await worker.stop() == 0, worker.log.read_text()
    else:
        await worker.kill()
