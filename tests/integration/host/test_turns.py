"""OperationQueues: the order of the COMMANDS stream, whatever the bucket contains and whichever worker was killed."""

import asyncio
import datetime
from collections.abc import AsyncIterator

import pytest
from example_adapter import Write

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.workers.host.queues import OperationQueues, open_settled
from rig.load import ledgers
from rig.stack import projections

WRITE = Write(path="/nowhere")


class Queue:
    """The operations of one mesh and who waits for a turn."""

    def __init__(self, sender: Sender, settled: mwbus.Bucket) -> None:
        self.sender = sender
        self.settled = settled
        self.turns = OperationQueues(sender.bus, settled)
        self.told: dict[str, list[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, mesh: str = "m1") -> str:
        """One more operation, which waits for its turn from now on."""
        operation = await self.sender.ask(WRITE, mesh=mesh)
        stored = (await ledgers.whole(self.sender.bus, subjects.COMMANDS.stream))[-1]
        command = stored.message()
        assert isinstance(command, ops.Command)
        told = self.told[operation] = []

        async def waiting(behind: str) -> None:
            told.append(behind)

        self._tasks[operation] = asyncio.create_task(self.turns.wait(command, stored.seq, waiting))
        return operation

    async def waits_for(self, operation: str, behind: str) -> None:
        """Returns when it waits for that operation."""
        await eventually(lambda: self.told[operation][-1:] == [behind])
        assert not self._tasks[operation].done()

    async def goes(self, operation: str) -> None:
        """Returns when its turn has come."""
        await eventually(self._tasks[operation].done)
        self._tasks[operation].result()

    async def say(self, operation: str, message: Message, origin: str = "example") -> None:
        """An event of an operation."""
        subject = subjects.fill(subjects.EVENTS, workspace="default", origin=origin, entity="operation", id=operation)
        await self.sender.bus.publisher.publish(subject, message)

    async def close(self) -> None:
        """End all waiting."""
        await ending.end(*self._tasks.values())


@pytest.fixture
async def queue(sender: Sender) -> AsyncIterator[Queue]:
    """An empty queue."""
    result = Queue(sender, await open_settled(sender.bus))
    yield result
    await result.close()


def timed_out() -> ops.OperationTimedOut:
    """What the scheduler says."""
    return ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC))


async def test_each_waits_for_the_nearest_that_has_not_ended(queue: Queue) -> None:
    """Reported once for each earlier operation; other meshes do not matter."""
    first, second, third = [await queue.ask() for _ in range(3)]
    await queue.goes(await queue.ask(mesh="m2"))
    await queue.goes(first)
    await queue.waits_for(second, first)
    await queue.waits_for(third, first)
    await queue.say(first, ops.OperationSucceeded())
    await queue.goes(second)
    await queue.waits_for(third, second)
    await queue.say(second, ops.OperationCancelled())
    await queue.goes(third)
    assert queue.told[third] == [first, second]


async def test_what_was_begun_holds_its_mesh_until_its_worker_says_so(queue: Queue) -> None:
    """The scheduler's terminal event frees the mesh only from an operation that never started."""
    never = await queue.ask()
    second = await queue.ask()
    await queue.waits_for(second, never)
    await queue.say(never, timed_out(), origin="scheduler")
    await queue.goes(second)
    await queue.say(second, ops.OperationStarted(worker="w", adapter_version="1.0.0", attempt=1))
    await queue.say(second, timed_out(), origin="scheduler")
    third = await queue.ask()
    await queue.waits_for(third, second)
    await queue.say(second, timed_out())
    await queue.goes(third)


async def test_a_command_that_nobody_can_read_holds_nobody_up(queue: Queue) -> None:
    """It can never run, so those behind it need not wait."""
    first = await queue.ask()
    subject = f"mw.cmd.default.example.local.m1.{first[:-1]}0"
    await projections.publish_raw(queue.sender.bus, subject, b"{", ops.Command.wire.name)
    await projections.publish_raw(queue.sender.bus, subject[:-1] + "1", b"{}", "dev.other.v1")
    last = await queue.ask()
    await queue.waits_for(last, first)
    await queue.say(first, ops.OperationSucceeded())
    await queue.goes(last)


async def test_a_memory_of_another_past_lets_nobody_pass(queue: Queue) -> None:
    """A bucket that remembers more of COMMANDS than there is (its server lost some) does not let two run at once."""
    await queue.settled.put("default.example.local.m1", b"1000")
    first, second = [await queue.ask() for _ in range(2)]
    await queue.goes(first)
    await queue.waits_for(second, first)
    await queue.say(first, ops.OperationSucceeded())
    await queue.goes(second)


async def test_what_is_settled_is_not_looked_at_again(queue: Queue) -> None:
    """A stored position saves reading the commands before it, also those whose events have expired."""
    first = await queue.ask()
    await queue.goes(first)
    stored = (await ledgers.whole(queue.sender.bus, subjects.COMMANDS.stream))[0]
    command = stored.message()
    assert isinstance(command, ops.Command)
    await queue.turns.done(command, stored)
    await queue.goes(await queue.ask())
