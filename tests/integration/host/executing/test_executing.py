"""One worker in the test's own process: moments that a process under test would reach by luck only."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, kit
from meshwright.core.telemetry.metrics import Registry
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.workers.host.cancellations import Cancellation, Cancellations
from meshwright.workers.host.command_copies import CommandCopies
from meshwright.workers.host.executing import Execution, WorkerParts
from meshwright.workers.host.queues import OperationQueues, open_settled
from meshwright.workers.host.working import Limits, Worker, queue

ADAPTER = "slow"
OVER = Cancellation(has_ended=True)


class Hold(ops.Arguments, frozen=True, kw_only=True):
    """One step that lasts until it is stopped."""

    kind: ClassVar[ops.OperationKind] = ops.OperationKind("slow.hold", mutates=False)


class Pass(ops.Arguments, frozen=True, kw_only=True):
    """Nothing."""

    kind: ClassVar[ops.OperationKind] = ops.OperationKind("slow.pass", mutates=False)


class Scene:
    """An adapter whose step ends slowly: `stopping` is set when it is cancelled, `may_stop` lets it end."""

    def __init__(self, bus: mwbus.Connection, folder: Path) -> None:
        self.bus = bus
        self.stopping = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.undone = 0
        self.adapter = kit.Adapter("slow", meshes=["slow"])
        self.adapter.operation(Hold)(self._hold)
        self.adapter.operation(Pass)(self._pass)
        self.runtime = kit.Runtime(bus, "slow", "w1", folder)

    async def _pass(self, _context: kit.Context, _arguments: Pass) -> None:
        """Succeed."""

    async def _hold(self, context: kit.Context, _arguments: Hold) -> None:
        """Run until cancelled, and then a little longer."""

        async def act() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                self.stopping.set()
                await self.may_stop.wait()

        async def undo() -> None:
            self.undone += 1

        await context.step("hold", act, undo=undo)

    async def execution(self, job: mwbus.Job) -> Execution:
        """The execution of a delivery, as a worker makes it."""
        command = job.message.message()
        assert isinstance(command, ops.Command)
        equipment = WorkerParts(
            bus=self.bus,
            adapter=self.adapter,
            runtime=self.runtime,
            service=None,
            turns=OperationQueues(self.bus, await open_settled(self.bus)),
            cancellations=Cancellations(self.bus),
            command_copies=CommandCopies(self.bus),
            max_attempts=3,
            ended=Registry().counter("ended_total", "", "kind", "end"),
        )
        return Execution(equipment, job, command)

    async def job(self) -> mwbus.Job:
        """The next delivery."""
        async with asyncio.timeout(30):
            async for job in mwbus.jobs(self.bus, queue("slow", Limits(ack_wait=60)), batch=1):
                if job is not None:
                    return job
        raise AssertionError

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[asyncio.Task[None]]:
        """A running worker."""
        stop = asyncio.Event()
        turns = OperationQueues(self.bus, await open_settled(self.bus))
        ended = Registry().counter("ended_total", "", "kind", "end")
        worker = Worker(self.bus, self.adapter, self.runtime, None, turns, Limits(grace=1.0), ended)
        task = asyncio.create_task(worker.run(stop))
        try:
            yield task
        finally:
            self.may_stop.set()
            stop.set()
            async with asyncio.timeout(30):
                await task


@pytest.fixture
async def scene(sender: Sender, tmp_path: Path) -> Scene:
    """The adapter and its bus."""
    return Scene(sender.bus, tmp_path)


async def verdict(bus: mwbus.Connection, operation: str) -> None:
    """The scheduler's terminal event."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="scheduler", entity="operation", id=operation)
    await bus.publisher.publish(subject, ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))


def counting(
    original: Callable[[Execution, Cancellation], None], heard: list[Cancellation]
) -> Callable[[Execution, Cancellation], None]:
    """The same, noted when it has been done."""

    def intervene(self: Execution, said: Cancellation) -> None:
        original(self, said)
        heard.append(said)

    return intervene


async def test_a_verdict_heard_twice_does_not_end_the_worker(
    sender: Sender, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While an operation is stopping, the scheduler's terminal event comes again: it ends, and others are served."""
    heard: list[Cancellation] = []
    monkeypatch.setattr(Execution, "intervene", counting(Execution.intervene, heard))
    async with scene.worker() as worker:
        operation = await sender.ask(Hold())
        await sender.wait_for(operation, ops.StepStarted)
        await verdict(sender.bus, operation)
        async with asyncio.timeout(30):
            await scene.stopping.wait()
        before = len(heard)
        await verdict(sender.bus, operation)
        await eventually(lambda: len(heard) > before or worker.done())
        assert not worker.done()
        scene.may_stop.set()
        assert kinds(await _own_end(sender, operation))[-3:] == ["undoing", "step_undone", "timed_out"]
        assert scene.undone == 1
        assert kinds(await sender.end(await sender.ask(Pass())))[-1] == "succeeded"


async def test_every_word_may_be_said_twice_at_every_moment(sender: Sender, scene: Scene) -> None:
    """Before it runs, while it stops, while it is undone and after its end, a repeated message changes nothing."""
    await sender.ask(Hold())
    execution = await scene.execution(await scene.job())
    cancel = Cancellation(cancel=ops.CancelRequested(principal="ann"))
    execution.intervene(OVER)
    running = asyncio.create_task(execution.run(asyncio.Semaphore(1)))
    await eventually(lambda: execution.journal.history.begun == ["hold"])
    for said in (OVER, OVER):
        execution.intervene(said)
    async with asyncio.timeout(30):
        await scene.stopping.wait()
    for said in (OVER, cancel, OVER, cancel):
        execution.intervene(said)
    scene.may_stop.set()
    async with asyncio.timeout(30):
        await running
    for said in (OVER, cancel):
        execution.intervene(said)
    assert execution.journal.history.end == ops.OperationTimedOut.wire.name
    assert scene.undone == 1


@pytest.mark.parametrize("word", ["verdict", "cancel", "worker told to stop"])
async def test_a_slot_given_at_the_moment_of_the_end_is_not_lost(sender: Sender, scene: Scene, word: str) -> None:
    """An operation that ends just as its turn at a slot comes leaves the slot to others: a lost one never comes back.

    A worker that had lost all of them would take commands for ever and run none.
    """
    await sender.ask(Hold())
    execution = await scene.execution(await scene.job())
    slot = asyncio.Semaphore(1)
    await slot.acquire()
    running = asyncio.create_task(execution.run(slot))
    await sender.wait_for(execution.command.operation, ops.OperationQueued)
    slot.release()
    if word == "verdict":
        execution.intervene(OVER)
    elif word == "cancel":
        execution.intervene(Cancellation(cancel=ops.CancelRequested(principal="ann")))
    else:
        running.cancel()
    scene.may_stop.set()
    async with asyncio.timeout(30):
        await asyncio.wait({running})
    await ending.end(running)
    assert not slot.locked()


async def test_only_what_has_ended_is_acknowledged(sender: Sender, scene: Scene) -> None:
    """An execution that is broken off leaves its delivery to be given again; one that has ended does not."""
    operation = await sender.ask(Hold())
    job = await scene.job()
    execution = await scene.execution(job)
    running = asyncio.create_task(execution.run(asyncio.Semaphore(1)))
    await sender.wait_for(operation, ops.StepStarted)
    scene.may_stop.set()
    await ending.end(running)
    assert not execution.journal.history.end
    assert await _out(sender.bus) == 1
    await job.nak(0)
    redelivered = await scene.job()
    assert redelivered.message.deliveries > 1
    again = await scene.execution(redelivered)
    again.intervene(Cancellation(cancel=ops.CancelRequested(principal="ann")))
    async with asyncio.timeout(30):
        await again.run(asyncio.Semaphore(1))
    assert kinds(await sender.events(operation))[-2:] == ["step_undone", "cancelled"]
    await eventually(lambda: _is_out(sender.bus, 0))


async def test_a_broken_handler_that_swallows_its_stop_is_still_bounded(sender: Sender, scene: Scene) -> None:
    """A step that is cancelled and fails instead ends the operation once, with the worker's terminal event."""

    async def stubborn(context: kit.Context, _arguments: Pass) -> None:
        async def act() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise RuntimeError("I will not") from None

        await context.step("stubborn", act)

    scene.adapter.operations.clear()
    scene.adapter.operation(Pass)(stubborn)
    operation = await sender.ask(Pass(), seconds=0.5)
    execution = await scene.execution(await scene.job())
    async with asyncio.timeout(30):
        await execution.run(asyncio.Semaphore(1))
    events = await sender.events(operation)
    assert sum(event.wire.name == ops.OperationTimedOut.wire.name for event in events) == 1


async def _own_end(sender: Sender, operation: str) -> list[Message]:
    """The events once the worker itself has published the end."""

    async def told() -> list[Message]:
        subject = f"mw.evt.default.slow.operation.{operation}"
        newest = await sender.bus.last("EVENTS", subject)
        ended = newest is not None and newest.type == ops.OperationTimedOut.wire.name
        return await sender.events(operation) if ended else []

    return await eventually(told)


async def _out(bus: mwbus.Connection) -> int:
    return int((await bus.js.consumer_info("COMMANDS", "adapter-slow")).num_ack_pending or 0)


async def _is_out(bus: mwbus.Connection, count: int) -> bool:
    return await _out(bus) == count
