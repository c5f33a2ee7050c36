"""An operation's life as a state machine, with random walks against real workers on a real bus.

The model has only what a user may expect: an accepted operation ends; as requested, unless cancelled; never twice; its
steps complete at most once, in order; what ended without success has been undone unless requested otherwise; changes of
one mesh end in the order in which they began.
"""

import asyncio
import shutil
import signal
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from faults.ledger_workers import LedgerWorkers, completed, ledger_workers_running
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import catalog
from meshwright.schemas import operations as ops
from meshwright.schemas.base import Message

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(600)]
T = TypeVar("T")
WALKS = 25
_TALLY: dict[str, int] = {"operations": 0, "kills": 0, "pauses": 0, "lost": 0, "twice": 0}


class Asked(msgspec.Struct):
    """An operation in the model."""

    id: str
    steps: int
    fail: str
    keep: bool
    cancelled: bool = False
    mutates: bool = True

    def allowed(self) -> set[str]:
        """How it may end."""
        ends = {"": {"succeeded"}, "reject": {"failed"}, "defect": {"dead_lettered"}}[self.fail]
        return ends | {"cancelled"} if self.cancelled else ends


class Life(RuleBasedStateMachine):
    """Rules are what people and faults do; the teardown waits for the end of everything and compares."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="meshwright-life-"))
        self.exits = AsyncExitStack()
        self.asked: list[Asked] = []
        self.paused: list[WorkerProcess] = []
        self.ledger_workers: LedgerWorkers = self.run(self._open())

    async def _open(self) -> LedgerWorkers:
        server = await self.exits.enter_async_context(NatsServer())
        ledger_workers = await self.exits.enter_async_context(ledger_workers_running(server, self.folder))
        await ledger_workers.start(worker_max_attempts="2")
        return ledger_workers

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something of the asynchronous world."""
        return self.loop.run_until_complete(work)

    def alive(self) -> list[WorkerProcess]:
        """Workers that run and are not paused."""
        workers = self.ledger_workers.workers.values()
        return [each for each in workers if each.process.returncode is None and each not in self.paused]

    @rule(
        steps=st.integers(1, 4),
        fail=st.sampled_from(["", "", "", "reject", "defect"]),
        keep=st.booleans(),
        mesh=st.sampled_from(["m1", "m2"]),
    )
    def ask(self, steps: int, fail: str, keep: bool, mesh: str) -> None:
        """A person asks for something."""
        _TALLY["operations"] += 1
        arguments: dict[str, Any] = {"steps": steps, "fail": fail, "pause": "20ms", "after": "20ms"}
        asking = self.ledger_workers.enter(mesh, keep_on_failure=keep, **arguments)
        self.asked.append(Asked(self.run(asking), steps, fail, keep))

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        """A person asks for the end of any operation, ended or not."""
        one = data.draw(st.sampled_from(self.asked), label="operation")
        self.run(self.ledger_workers.sender.cancel(one.id))
        one.cancelled = True

    @precondition(lambda self: len(self.alive()) < 3)
    @rule()
    def start(self) -> None:
        """One more worker comes."""
        self.run(self.ledger_workers.start(worker_max_attempts="2"))

    @precondition(lambda self: self.alive())
    @rule(data=st.data())
    def kill(self, data: st.DataObject) -> None:
        """A worker dies."""
        _TALLY["kills"] += 1
        self.run(data.draw(st.sampled_from(self.alive())).kill())

    @precondition(lambda self: self.alive() and not self.paused)
    @rule()
    def pause(self) -> None:
        """A worker is paused for as long as it may take."""
        _TALLY["pauses"] += 1
        worker = self.alive()[0]
        worker.process.send_signal(signal.SIGSTOP)
        self.paused.append(worker)

    @precondition(lambda self: self.paused)
    @rule()
    def wake(self) -> None:
        """The paused worker wakes up."""
        self.paused.pop().process.send_signal(signal.SIGCONT)

    @precondition(lambda self: self.alive())
    @rule()
    def stop(self) -> None:
        """A worker gets SIGTERM and ends."""
        status = self.run(self.alive()[0].stop())
        assert status in (0, -signal.SIGTERM)  # the signal itself ends one that is only starting

    @rule(milliseconds=st.integers(5, 400))
    def time_passes(self, milliseconds: int) -> None:
        """Something may happen by itself."""
        self.run(asyncio.sleep(milliseconds / 1000))

    @invariant()
    def nobody_crashes(self) -> None:
        """No worker ends by itself."""
        for worker in self.ledger_workers.workers.values():
            assert worker.process.returncode in (None, 0, -9, -15), worker.log.read_text()[-2000:]

    def teardown(self) -> None:
        """Everything comes to an end, and it is what the model says."""
        try:
            self.run(self._judge())
        finally:
            self.run(self.exits.aclose())
            self.loop.close()
            shutil.rmtree(self.folder, ignore_errors=True)

    async def _judge(self) -> None:
        while self.paused:
            self.paused.pop().process.send_signal(signal.SIGCONT)
        await self.ledger_workers.start(worker_max_attempts="2")
        for one in self.asked:
            self._compare(one, await self._end(one))
        order = await self.ledger_workers.spans()
        for begun in order.values():
            assert begun[1] > begun[0]

    async def _end(self, one: Asked) -> list[Message]:
        async def ended() -> list[Message]:
            events = await self.ledger_workers.sender.events(one.id)
            return events if any(event.wire.name in catalog.TERMINAL_TYPES for event in events) else []

        try:
            return await eventually(ended, timeout=40, interval=0.1)
        except Exception:
            _TALLY["lost"] += 1
            raise

    def _compare(self, one: Asked, events: list[Message]) -> None:
        ends = [event.wire.name.split(".")[-2] for event in events if event.wire.name in catalog.TERMINAL_TYPES]
        done = completed(events)
        _TALLY["twice"] += len(ends) - 1 + len(done) - len(set(done))
        assert len(ends) == 1, (one, events)
        assert ends[0] in one.allowed(), (one, events)
        assert done == [f"enter-{number}" for number in range(len(done))], (one, events)
        standing = self.ledger_workers.book.entries(one.id)
        if ends[0] == "succeeded":
            assert standing == list(range(one.steps)), (one, events)
        elif not one.keep:
            assert standing == [], (one, events)
            undone = [event.step for event in events if isinstance(event, ops.StepUndone)]
            assert undone == sorted(undone, reverse=True), (one, events)


def test_the_life_of_an_operation(row: Any) -> None:
    """Random walks of asking, cancelling, killing, pausing, waking and stopping end as a person would expect."""
    row.fault, row.injected = "random lives (Hypothesis state machine)", "kill -9, SIGSTOP, SIGTERM, cancel at random"
    try:
        run_state_machine_as_test(
            Life,
            settings=settings(
                max_examples=WALKS,
                stateful_step_count=25,
                deadline=None,
                phases=[Phase.explicit, Phase.generate],  # a smaller walk takes as long again, and is seldom the same
                suppress_health_check=list(HealthCheck),
                database=None,
                print_blob=True,
            ),
        )
    finally:
        row.runs, row.lost, row.duplicated = _TALLY["operations"], _TALLY["lost"], _TALLY["twice"]
        row.note = f"{WALKS} walks, {_TALLY['kills']} kills, {_TALLY['pauses']} pauses; runs = operations"
