"""The same message published, delivered or acted on more than once."""

import asyncio
import collections
from pathlib import Path
from typing import Any

import pytest
from example_adapter import Write

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import operations, subjects
from rig.load.ledgers import whole
from rig.stack.stack import EXAMPLES

pytestmark = [pytest.mark.faults, pytest.mark.servers]
MESSAGES = 1000
OPERATIONS = 20


def lines_of(folder: Path) -> list[str]:
    """What the operations have written, the world outside."""
    return [line for path in folder.glob("lines-*") for line in path.read_text().splitlines()]


async def test_each_message_is_published_three_times(nats_server: NatsServer, row: Any) -> None:
    """The same ids twice, and once more after kill -9 and return of the server, are stored once and acked as such."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="tester", entity="load", id="one")
    names = [ids.fresh() for _ in range(MESSAGES)]
    message = operations.OperationProgressed(message="again")
    async with mwbus.connect(nats_server.url, "tester") as bus:

        async def publish_all() -> list[mwbus.Ack]:
            slot = asyncio.Semaphore(50)

            async def one(name: str) -> mwbus.Ack:
                async with slot:
                    return await bus.publisher.publish(subject, message, id=name, timeout=20)

            return list(await asyncio.gather(*(one(name) for name in names)))

        first, second = await publish_all(), await publish_all()
        await nats_server.kill()
        await nats_server.start()
        third = await publish_all()
        stored = collections.Counter(
            received.headers["Nats-Msg-Id"] for received in await whole(bus, subjects.EVENTS.stream)
        )
    row.fault, row.injected, row.runs = "duplicate publish", "same id 3x, with kill -9 of nats-server", 3 * MESSAGES
    row.lost = sum(stored[name] == 0 for name in names)
    row.duplicated = sum(stored.values()) - len(stored)
    assert (row.lost, row.duplicated) == (0, 0)
    assert not any(ack.duplicate for ack in first)
    assert all(ack.duplicate for ack in (*second, *third))
    assert [ack.seq for ack in first] == [ack.seq for ack in second] == [ack.seq for ack in third]


async def test_each_command_is_delivered_three_times(nats_server: NatsServer, tmp_path: Path, row: Any) -> None:
    """When the server forgets all acknowledgements, every command comes again to two workers and nothing is repeated.

    The second time it comes while its operation runs, the third time after its end.
    """
    adapter = "example_adapter:example"
    async with (
        mwbus.connect(nats_server.url, "api") as bus,
        worker_process(adapter, nats_server.url, tmp_path, EXAMPLES),
        worker_process(adapter, nats_server.url, tmp_path, EXAMPLES),
    ):
        sender = Sender(bus, "example")
        asked = [
            await sender.ask(Write(path=str(tmp_path / f"lines-{number}"), steps=3, pause="300ms"), mesh=f"m{number}")
            for number in range(OPERATIONS)
        ]
        await sender.wait_for(asked[-1], operations.StepStarted)
        await bus.js.delete_consumer("COMMANDS", "adapter-example")
        ends = [await sender.end(operation, timeout=30) for operation in asked]

        async def all_acknowledged() -> bool:
            info = await bus.js.consumer_info("COMMANDS", "adapter-example")
            return info.num_pending == 0 and info.num_ack_pending == 0 and bool(info.delivered.consumer_seq)

        await eventually(all_acknowledged)
        await bus.js.delete_consumer("COMMANDS", "adapter-example")
        await eventually(all_acknowledged)
        again = [await sender.events(operation) for operation in asked]
    written = lines_of(tmp_path)
    steps = [event.step for events in again for event in events if isinstance(event, operations.StepCompleted)]
    row.fault, row.injected, row.runs = "duplicate delivery", "each command 3x, to 2 workers", 3 * OPERATIONS
    row.lost = sum(kinds(events)[-1] != "succeeded" for events in again)
    row.duplicated = len(written) - 3 * OPERATIONS + len(steps) - 3 * OPERATIONS
    assert again == ends
    assert (row.lost, row.duplicated) == (0, 0)
