"""The conformance suite: what every adapter must pass, ours and other people's.

Use: subclass `AdapterConformance` in a test module, name the adapter, and give a `Sample` per operation. The
suite runs real workers on a real bus and kills them. Invariant: whatever is done to a worker, an operation ends,
each of its steps completes once, and the world outside looks as after an undisturbed run.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ClassVar

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.testing.asking import Asker, has_ended, kinds
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process
from meshwright.schemas import operations

Look = Callable[[], Awaitable[object]]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """How one operation is tried.

    `before` are operations that must have succeeded first; `look` tells what the world outside looks like.
    """

    arguments: operations.Arguments
    before: tuple[operations.Arguments, ...] = ()
    look: Look | None = None


class World(msgspec.Struct, frozen=True):
    """One bus with somebody who asks, and workers at will."""

    asker: Asker
    start: Callable[[], Awaitable[WorkerProcess]]


class AdapterConformance:
    """Subclass it; pytest runs the inherited tests against your adapter."""

    adapter: ClassVar[kit.Adapter]
    load_as: ClassVar[str]
    """the entry point, or `module:attribute`"""
    path: ClassVar[Path | None] = None
    """where `module` lies, when it is not installed"""
    patience: ClassVar[float] = 30.0
    """seconds that one operation may take"""

    @pytest.fixture
    async def nats_server(self) -> AsyncIterator[NatsServer]:
        """A fresh nats-server that knows this adapter, whatever its name."""
        async with NatsServer(adapters=[self.adapter.name]) as server:
            yield server

    def samples(self, directory: Path) -> dict[str, Sample]:
        """A sample for every operation, by the operation's name; `directory` is empty and yours."""
        raise NotImplementedError

    @asynccontextmanager
    async def world(self, server: NatsServer, directory: Path) -> AsyncIterator[World]:
        """A bus and the means to start workers on it; all of them are gone afterwards."""
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        workers = []

        async def start() -> WorkerProcess:
            opened = worker_process(self.load_as, server.url, directory, self.path)
            workers.append(opened)
            return await opened.__aenter__()

        try:
            async with mwbus.connect(server.url, "api") as bus:
                yield World(Asker(bus, self.adapter.name), start)
        finally:
            for opened in workers:
                await opened.__aexit__(None, None, None)

    async def prepare(self, world: World, sample: Sample) -> None:
        """Bring about what the sample needs."""
        for arguments in sample.before:
            events = await world.asker.end(await world.asker.ask(arguments), self.patience)
            assert kinds(events)[-1] == "succeeded", events

    async def undisturbed(self, server: NatsServer, directory: Path, name: str) -> tuple[list[str], object]:
        """The steps of an undisturbed run of a sample, and what the world looks like after it."""
        sample = self.samples(directory)[name]
        async with self.world(server, directory) as world:
            worker = await world.start()
            await self.prepare(world, sample)
            events = await world.asker.end(await world.asker.ask(sample.arguments), self.patience)
            assert kinds(events)[-1] == "succeeded", events
            steps = [event.step for event in events if isinstance(event, operations.StepCompleted)]
            seen = await sample.look() if sample.look else None
            await worker.stop()
            return steps, seen

    def test_what_is_listed_is_handled(self, tmp_path: Path) -> None:
        """Every operation that the adapter announces has a handler and a sample, and the reverse."""
        announced = {support.name for support in self.adapter.announcement("x").operations}
        assert announced == set(self.adapter.operations) == set(self.samples(tmp_path))

    def test_every_intent_has_an_answer(self) -> None:
        """Each intent of the contract is translated, or refused with a reason."""
        for support in self.adapter.announcement("x").intents:
            assert support.supported or support.because, support.intent

    async def test_every_operation_succeeds(self, nats_server: NatsServer, tmp_path: Path) -> None:
        """Each sample ends as succeeded when nothing disturbs it."""
        for name in self.samples(tmp_path):
            await nats_server.close()
            async with NatsServer(adapters=[self.adapter.name]) as server:
                await self.undisturbed(server, tmp_path / name.replace(".", "-"), name)

    async def test_a_redelivered_command_has_no_second_effect(self, nats_server: NatsServer, tmp_path: Path) -> None:
        """When the bus forgets every acknowledgement, the commands come again and nothing happens twice."""
        name, sample = self._most_telling(tmp_path)
        async with self.world(nats_server, tmp_path / "w") as world:
            worker = await world.start()
            await self.prepare(world, sample)
            operation = await world.asker.ask(sample.arguments)
            events = await world.asker.end(operation, self.patience)
            seen = await sample.look() if sample.look else None
            await worker.stop()
            await world.asker.bus.js.delete_consumer("COMMANDS", f"adapter-{self.adapter.name}")
            await world.start()
            await eventually(lambda: self._everything_is_acknowledged(world), timeout=self.patience)
            assert await world.asker.events(operation) == events, name
            if sample.look:
                assert await sample.look() == seen

    async def test_it_resumes_after_a_kill_at_each_step(self, nats_server: NatsServer, tmp_path: Path) -> None:
        """A worker killed behind any step is continued by another; each step completes once, the effect is the same."""
        name, _ = self._most_telling(tmp_path)
        async with NatsServer(adapters=[self.adapter.name]) as server:
            steps, seen = await self.undisturbed(server, tmp_path / "calm", name)
        for behind in range(len(steps)):
            directory = tmp_path / f"kill-{behind}"
            sample = self.samples(directory)[name]
            async with NatsServer(adapters=[self.adapter.name]) as server, self.world(server, directory) as world:
                worker = await world.start()
                await self.prepare(world, sample)
                operation = await world.asker.ask(sample.arguments)
                await world.asker.wait_for(operation, operations.StepStarted, times=behind + 1)
                await worker.kill()
                await world.start()
                events = await world.asker.end(operation, self.patience)
                assert kinds(events)[-1] == "succeeded", events
                done = [event.step for event in events if isinstance(event, operations.StepCompleted)]
                assert done == steps
                if sample.look:
                    assert await sample.look() == seen

    async def test_it_can_be_cancelled(self, nats_server: NatsServer, tmp_path: Path) -> None:
        """A cancelled operation ends, and unless it was quicker than the cancel it leaves the world as it was."""
        _, sample = self._most_telling(tmp_path)
        async with self.world(nats_server, tmp_path / "w") as world:
            worker = await world.start()
            await self.prepare(world, sample)
            before = await sample.look() if sample.look else None
            worker.signal(signal.SIGSTOP)
            operation = await world.asker.ask(sample.arguments)
            await world.asker.cancel(operation)
            worker.signal(signal.SIGCONT)
            events = await world.asker.end(operation, self.patience)
            assert has_ended(events)
            if kinds(events)[-1] == "cancelled" and sample.look:
                assert await sample.look() == before

    async def test_a_killed_and_cancelled_operation_leaves_nothing(
        self, nats_server: NatsServer, tmp_path: Path
    ) -> None:
        """Cancelled after its worker was killed in or behind a step, an operation is taken back by the next worker."""
        name, _ = self._most_telling(tmp_path)
        async with NatsServer(adapters=[self.adapter.name]) as server:
            steps, _ = await self.undisturbed(server, tmp_path / "calm", name)
        for behind in sorted({1, len(steps)}):
            directory = tmp_path / f"cancel-{behind}"
            sample = self.samples(directory)[name]
            async with NatsServer(adapters=[self.adapter.name]) as server, self.world(server, directory) as world:
                worker = await world.start()
                await self.prepare(world, sample)
                before = await sample.look() if sample.look else None
                operation = await world.asker.ask(sample.arguments)
                await world.asker.wait_for(operation, operations.StepStarted, times=behind)
                await worker.kill()
                await world.asker.cancel(operation)
                await world.start()
                events = await world.asker.end(operation, self.patience)
                failed = [event for event in events if isinstance(event, operations.StepUndone) and event.failure]
                assert not failed, failed
                if kinds(events)[-1] == "cancelled" and sample.look:
                    assert await sample.look() == before

    async def _everything_is_acknowledged(self, world: World) -> bool:
        info = await world.asker.bus.js.consumer_info("COMMANDS", f"adapter-{self.adapter.name}")
        return info.num_pending == 0 and info.num_ack_pending == 0 and bool(info.delivered.consumer_seq)

    def _most_telling(self, directory: Path) -> tuple[str, Sample]:
        """The sample that needs the most before it: it exercises the most of the adapter."""
        return max(self.samples(directory).items(), key=lambda item: (item[1].look is not None, len(item[1].before)))
