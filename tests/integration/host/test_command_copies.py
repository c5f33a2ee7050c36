"""No event of an operation is published before its acceptance, which the server copies into EVENTS."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from example_adapter import Write

from meshwright.core.bus.stream import streams
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects

pytestmark = pytest.mark.servers
Start = Callable[..., Awaitable[WorkerProcess]]
RESTARTS = 4
DEADLINE = 600
"""seconds: the order is what is promised here, however long four restarts take"""


async def test_a_worker_waits_for_copies_that_are_late(sender: Sender, start_worker: Start, tmp_path: Path) -> None:
    """While the server copies nothing, workers with commands publish nothing; then the acceptance comes first."""
    await start_worker()
    early = await sender.ask(Write(path=str(tmp_path / "early")))
    assert kinds(await sender.end(early))[-1] == "succeeded"
    events = next(config for config in streams.desired_streams() if config.name == subjects.EVENTS.stream)
    sources = events.sources
    events.sources = []
    await sender.bus.js.update_stream(events)
    late = [await sender.ask(Write(path=str(tmp_path / f"late-{n}")), mesh=f"m{n}") for n in range(5)]

    async def all_are_taken() -> bool:
        result = await sender.bus.js.consumer_info(subjects.COMMANDS.stream, "adapter-example")
        return bool(result.num_ack_pending == len(late))

    await eventually(all_are_taken)
    assert [await sender.events(operation) for operation in late] == [[]] * len(late)
    events.sources = sources
    await sender.bus.js.update_stream(events)
    for operation in late:
        told = await sender.end(operation, timeout=40)
        assert isinstance(told[0], ops.Command) and kinds(told)[-1] == "succeeded"


async def test_restarts_of_the_server_change_no_order(
    sender: Sender, start_worker: Start, nats_server: NatsServer, tmp_path: Path
) -> None:
    """Operations that are asked for around each restart are all accepted before they are started."""
    await start_worker()
    asked: list[str] = []
    for restart in range(RESTARTS):
        for n in range(10):
            asked.append(await sender.ask(Write(path=str(tmp_path / f"{restart}-{n}")), f"m{n}", DEADLINE))
        await nats_server.restart()
        await eventually(lambda: sender.bus.is_connected)
        more = [sender.ask(Write(path=str(tmp_path / f"{restart}+{n}")), f"m{n}", DEADLINE) for n in range(10)]
        asked += await asyncio.gather(*more)
    for operation in asked:
        told = await sender.end(operation, timeout=60)
        assert isinstance(told[0], ops.Command) and kinds(told)[-1] == "succeeded"
