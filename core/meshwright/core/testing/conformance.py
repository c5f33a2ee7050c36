"""The conformance suite that every adapter must pass, including third-party adapters.

Use: subclass `AdapterConformance` in a test module, name the adapter, and give a `Sample` per operation. The suite runs
real workers on a real bus and kills them. Invariant: whenever a worker is killed, the operation ends, each of its steps
completes once, and the external state is the same as after an undisturbed run. A kill counts only when the operation
was open, and a sample only when the external state shows its effect.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.testing import identities, intent_samples
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.held_connection import HeldConnection
from meshwright.core.testing.sending import Sender, has_ended, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process
from meshwright.schemas import catalog, designs, operations, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.intents import INTENT_TYPES, AnyIntent, Translation, intent_kind

_STARTED = operations.OperationStarted.wire.name
_STEP_STARTED = operations.StepStarted.wire.name
_STEP_COMPLETED = operations.StepCompleted.wire.name
_ENDS = tuple(catalog.TERMINAL_TYPES)
_APPLY = operations.ApplyDesign.kind.name
_DEADLINE_S = 60.0
_ACK_WAIT = "1"
"""seconds until the bus redelivers the command of a killed worker"""


class World(msgspec.Struct, frozen=True, kw_only=True):
    """One bus with a client, and workers started on demand, each behind a relay that can hold its messages."""

    sender: Sender
    api: Sender
    """sends requests to live workers, with the API's own credentials"""
    held: HeldConnection
    start: Callable[[], Awaitable[WorkerProcess]]


Look = Callable[[World], Awaitable[object]]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """How one operation is tested.

    `before` are operations that must have succeeded first. `look` returns the external state, equal for equal states;
    an operation that mutates needs one, and its result must change.
    """

    arguments: operations.Arguments
    before: tuple[operations.Arguments, ...] = ()
    look: Look | None = None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """An undisturbed run of an operation: its steps, and the external state before and after it."""

    steps: list[str]
    before: object
    after: object


_RUNS: dict[tuple[type, str], Run] = {}


class AdapterConformance:
    """Subclass it; pytest runs the inherited tests against your adapter, one test per operation."""

    adapter: ClassVar[kit.Adapter]
    load_as: ClassVar[str]
    """the entry point, or `module:attribute`"""
    path: ClassVar[Path | None] = None
    """folder of `module`, when it is not installed"""
    patience: ClassVar[float] = 30.0
    """seconds that one operation may take"""
    intent_samples: ClassVar[Sequence[AnyIntent]] = intent_samples.SAMPLES
    """one of each kind that the adapter lists, suitable for `facts`"""

    only: ClassVar[Collection[str]] = ()
    """the operations that this class tests, so that several modules may divide an adapter's; empty: all"""
    unseen: ClassVar[Mapping[str, str]] = {}
    """operations whose effect cannot be produced here, with the reason; all other tests run for them too"""

    def samples(self, directory: Path) -> dict[str, Sample]:
        """A sample for every operation, by the operation's name; `directory` is empty and may be used freely."""
        raise NotImplementedError

    def facts(self) -> kit.Facts:
        """The facts for translators: those of a mesh that has the services of `intent_samples`."""
        return kit.Facts()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Parametrizes a test that takes `operation` by the operations of this class, one that takes `intent` by the
        intents.
        """
        if "operation" in metafunc.fixturenames:
            metafunc.parametrize("operation", sorted(self.only or self.adapter.operations))
        if "intent" in metafunc.fixturenames:
            metafunc.parametrize("intent", [intent_kind(kind) for kind in INTENT_TYPES])

    @pytest.fixture
    async def nats_server(self) -> AsyncIterator[NatsServer]:
        """A fresh nats-server with a user for this adapter."""
        async with NatsServer(adapters=[self.adapter.name]) as server:
            yield server

    @asynccontextmanager
    async def world(self, directory: Path) -> AsyncIterator[World]:
        """A fresh bus and a function that starts workers on it; all of them are stopped afterwards."""
        await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(NatsServer(adapters=[self.adapter.name]))
            held = await stack.enter_async_context(HeldConnection(server.port))
            bus = await stack.enter_async_context(mwbus.connect(server.url, "api"))
            api = await stack.enter_async_context(
                mwbus.connect(
                    server.address, "api", credentials_file=identities.credentials_file(subjects.API, directory)
                )
            )

            async def start() -> WorkerProcess:
                opened = worker_process(
                    self.load_as, server.through(held.port), directory, self.path, worker_ack_wait=_ACK_WAIT
                )
                worker = await stack.enter_async_context(opened)
                stack.push_async_callback(_end, worker)
                return worker

            name = self.adapter.name
            yield World(sender=Sender(bus, name), api=Sender(api, name), held=held, start=start)

    async def prepare(self, world: World, sample: Sample) -> object:
        """Run what the sample needs before; returns the external state."""
        for arguments in sample.before:
            await self.succeed(world, arguments)
        return await sample.look(world) if sample.look else None

    async def succeed(self, world: World, arguments: operations.Arguments) -> list[Message]:
        """Run an operation that must succeed; returns its events."""
        events = await world.sender.end(await self._ask(world, arguments), self.patience)
        assert kinds(events)[-1] == "succeeded", events
        return events

    async def _ask(self, world: World, arguments: operations.Arguments) -> str:
        """Ask for an operation, whose deadline is not before the end of our patience."""
        return await world.sender.ask(arguments, seconds=max(_DEADLINE_S, self.patience))

    async def undisturbed(self, directory: Path, operation: str) -> Run:
        """An undisturbed run of an operation's sample, shared by all tests of this process."""
        known = type(self), operation
        if known not in _RUNS:
            _RUNS[known] = await self._undisturbed(directory, operation)
        return _RUNS[known]

    async def _undisturbed(self, directory: Path, operation: str) -> Run:
        sample = self.samples(directory)[operation]
        async with self.world(directory) as world:
            await world.start()
            before = await self.prepare(world, sample)
            steps = _completed(await self.succeed(world, sample.arguments))
            after = await sample.look(world) if sample.look else None
            return Run(steps=steps, before=before, after=after)

    def test_what_is_listed_is_handled(self, tmp_path: Path) -> None:
        """Every operation that the adapter announces has a handler and a sample, and the reverse."""
        announced = {support.name for support in self.adapter.announcement("x").operations}
        assert announced == set(self.adapter.operations) == set(self.samples(tmp_path))

    def test_every_intent_has_an_answer(self, intent: str) -> None:
        """Each intent of the contract is translated, or refused with a reason that the adapter gives."""
        rules, refusal = self.adapter.translators.rules, self.adapter.translators.refusals.get(intent)
        if intent not in rules:
            assert refusal is not None, f"declare {self.adapter.name}.unsupported(…, because=…) for {intent}"
            assert refusal.because.strip(), f"{self.adapter.name} does not say why it cannot do {intent}"
            return
        assert refusal is None, f"{intent} is both translated and refused"
        sample = next((each for each in self.intent_samples if intent_kind(type(each)) == intent), None)
        assert sample is not None, f"there is no {intent} among the `intent_samples`"
        translate, facts = self.adapter.translators.translate, self.facts()
        answer = translate(sample, facts)
        assert isinstance(answer, Translation), f"{intent} is listed and yet refused: {answer}"
        assert answer.intent == intent
        assert answer.resources, f"{intent} is translated to nothing"
        assert translate(sample, facts) == answer, f"{intent} is translated differently the second time"

    async def test_an_operation_does_something_that_is_seen(self, operation: str, tmp_path: Path) -> None:
        """Each sample succeeds without disturbance, and an operation that mutates changes what `look` returns."""
        run = await self.undisturbed(tmp_path, operation)
        if self.adapter.operations[operation].arguments.kind.mutates:
            assert run.steps, f"{operation} mutates outside of any step"
            assert self.samples(tmp_path)[operation].look, f"{operation} mutates: its sample needs a look"
            assert (run.before == run.after) == (operation in self.unseen), (
                f"the sample of {operation} shows no effect: {run.after} before and after it"
            )
        else:
            assert run.before == run.after

    async def test_a_redelivered_command_has_no_second_effect(self, operation: str, tmp_path: Path) -> None:
        """When the bus loses every ack, the commands are redelivered and have no second effect."""
        sample = self.samples(tmp_path)[operation]
        async with self.world(tmp_path) as world:
            worker = await world.start()
            await self.prepare(world, sample)
            asked = await self._ask(world, sample.arguments)
            events = await world.sender.end(asked, self.patience)
            seen = await sample.look(world) if sample.look else None
            await worker.stop()
            await world.sender.bus.js.delete_consumer("COMMANDS", f"adapter-{self.adapter.name}")
            await world.start()
            await eventually(lambda: self._everything_is_acknowledged(world), timeout=self.patience)
            assert await world.sender.events(asked) == events
            await self._looks(world, sample, seen)

    async def test_it_resumes_after_a_kill_at_each_step(self, operation: str, tmp_path: Path) -> None:
        """An operation whose worker is killed twice at every step, with the step's effect done and not yet recorded,
        and right after the record, and once more before its terminal event: each step completes once, with one effect.
        """
        calm = await self.undisturbed(tmp_path / "calm", operation)
        directory = tmp_path / "killed"
        sample = self.samples(directory)[operation]
        kills: list[tuple[str, bool]] = []
        async with self.world(directory) as world:
            worker = await world.start()
            await self.prepare(world, sample)
            stored, reached = False, ""
            world.held.hold_at((_STEP_COMPLETED, *_ENDS), stored=False)
            asked = await world.sender.ask(sample.arguments, seconds=600)
            while reached not in _ENDS:
                reached = await self._reached(world, asked, stored)
                await self._kill(world, worker, asked)
                kills.append((reached, stored))
                stored = not stored
                if reached not in _ENDS:
                    world.held.hold_at((_STEP_COMPLETED,) if stored else (_STEP_COMPLETED, *_ENDS), stored=stored)
                worker = await world.start()
            events = await world.sender.end(asked, self.patience)
            assert kinds(events)[-1] == "succeeded", (kills, events)
            assert _completed(events) == calm.steps, (kills, events)
            assert len(kills) == 2 * len(calm.steps) + 1, (kills, events)
            await self._looks(world, sample, calm.after)

    async def test_it_can_be_cancelled(self, operation: str, tmp_path: Path) -> None:
        """An operation that is cancelled while it is open ends: as cancelled, with the external state as before, or as
        succeeded, when it was faster than the cancellation.
        """
        calm = await self.undisturbed(tmp_path / "calm", operation)
        directory = tmp_path / "cancelled"
        sample = self.samples(directory)[operation]
        async with self.world(directory) as world:
            await world.start()
            before = await self.prepare(world, sample)
            world.held.hold_at((_STEP_STARTED if calm.steps else _STARTED,), stored=True)
            asked = await self._ask(world, sample.arguments)
            await self._reached(world, asked, stored=True)
            await world.sender.cancel(asked)
            assert not has_ended(await world.sender.events(asked))
            world.held.open()
            events = await world.sender.end(asked, self.patience)
            assert not _undone_badly(events)
            end = kinds(events)[-1]
            assert end in ("cancelled", "succeeded"), events
            await self._looks(world, sample, before if end == "cancelled" else calm.after)

    @pytest.mark.parametrize("where", ["first", "last"])
    async def test_a_killed_and_cancelled_operation_leaves_nothing(
        self, operation: str, where: str, tmp_path: Path
    ) -> None:
        """An operation is cancelled after its worker was killed, at the first step with its effect not yet recorded or
        after the last one: the next worker undoes it and the external state is as before.
        """
        calm = await self.undisturbed(tmp_path / "calm", operation)
        directory = tmp_path / "killed"
        sample = self.samples(directory)[operation]
        async with self.world(directory) as world:
            worker = await world.start()
            before = await self.prepare(world, sample)
            at = (_STEP_COMPLETED,) if calm.steps and where == "first" else _ENDS
            world.held.hold_at(at, stored=False)
            asked = await self._ask(world, sample.arguments)
            await self._reached(world, asked, stored=False)
            await self._kill(world, worker, asked)
            await world.sender.cancel(asked)
            await world.start()
            events = await world.sender.end(asked, self.patience)
            assert kinds(events)[-1] == "cancelled", events
            assert not _undone_badly(events)
            await self._looks(world, sample, before)

    async def test_a_preview_is_what_applying_does(self, tmp_path: Path) -> None:
        """Applying a design does and records what its preview showed, and afterwards the preview shows no
        difference.
        """
        sample = self.samples(tmp_path).get(_APPLY)
        if sample is None:
            assert self.adapter.previewer is None or _APPLY not in self.adapter.operations
            return
        async with self.world(tmp_path) as world:
            await world.start()
            before = await self.prepare(world, sample)
            shown = await world.api.preview(sample.arguments)
            assert not shown.problems
            changed = {each.ref for each in shown.diff if each.change in ("create", "update")}
            assert changed, "the preview shows no difference, so the sample proves nothing"
            await self._looks(world, sample, before)
            await self.succeed(world, sample.arguments)
            release = await self._release(world)
            assert changed <= set(release.inventory), "the preview shows what was not applied"
            again = await world.api.preview(sample.arguments)
            assert [each.ref for each in again.diff if each.change != "unchanged"] == []

    async def _reached(self, world: World, operation: str, stored: bool) -> str:
        """The event from which on everything is held back: stored or not, as chosen."""
        try:
            reached = await world.held.reached(self.patience)
        except TimeoutError:
            pytest.fail(f"it was not reached: {await world.sender.events(operation)}")
        if stored:
            await eventually(lambda: self._last_is(world, operation, reached))
        return reached

    async def _last_is(self, world: World, operation: str, type_name: str) -> bool:
        return (await world.sender.events(operation))[-1].wire.name == type_name

    async def _kill(self, world: World, worker: WorkerProcess, operation: str) -> None:
        """Kill the worker whose connection is held; the operation was open before and is open after it."""
        await worker.kill()
        await world.held.drop()
        events = await world.sender.events(operation)
        assert not has_ended(events), f"it had ended before the kill: {events}"

    async def _looks(self, world: World, sample: Sample, expected: object) -> None:
        """Assert that the external state becomes this, once everything that the kill took down has recovered."""
        if sample.look is None:
            return
        look = sample.look

        async def as_expected() -> bool:
            return await look(world) == expected

        try:
            await eventually(as_expected, timeout=self.patience)
        except AssertionError:
            seen = await look(world)
            assert seen == expected, f"the external state is {seen}, not {expected}"

    async def _everything_is_acknowledged(self, world: World) -> bool:
        info = await world.sender.bus.js.consumer_info("COMMANDS", f"adapter-{self.adapter.name}")
        return info.num_pending == 0 and info.num_ack_pending == 0 and bool(info.delivered.consumer_seq)

    async def _release(self, world: World) -> designs.Release:
        """The newest release that was published."""
        received = await world.sender.bus.last("EVENTS", f"mw.evt.*.{self.adapter.name}.release.*")
        message: Any = received.message() if received else None
        assert isinstance(message, designs.ReleaseChanged), f"no release was published: {message}"
        return message.release


async def _end(worker: WorkerProcess) -> None:
    """Let a running worker stop what it has started, which a worker that is killed cannot."""
    with contextlib.suppress(TimeoutError):
        await worker.stop()


def _completed(events: Sequence[Message]) -> list[str]:
    return [event.step for event in events if isinstance(event, operations.StepCompleted)]


def _undone_badly(events: Sequence[Message]) -> list[Message]:
    return [event for event in events if isinstance(event, operations.StepUndone) and event.failure]
