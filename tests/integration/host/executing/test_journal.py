"""The journal and the steps on a real bus that breaks and fills up: one of two goes on, and nothing is done twice."""

import asyncio
import random
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, kit
from meshwright.core.bus.stream import streams
from meshwright.core.kit.context import Undo
from meshwright.core.operations import journal as journals
from meshwright.core.operations.outcomes import StepOrderError
from meshwright.core.testing import sending
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations as ops
from meshwright.schemas.errors import Failure

FAILURE = Failure(code="X1", what="it failed")


def started(attempt: int = 1) -> ops.OperationStarted:
    """The beginning of an attempt."""
    return ops.OperationStarted(worker="w", adapter_version="1.0.0", attempt=attempt)


async def test_of_many_workers_one_goes_on(sender: Sender) -> None:
    """Of eight workers that read the same history and write at the same moment one succeeds, the others are fenced."""
    asked = sending.command()
    first = kit.Journal(sender.bus, asked)
    await first.append(started())
    others = [kit.Journal(sender.bus, asked) for _ in range(8)]
    for one in others:
        await one.read()
    for _ in range(2):
        outcomes = await asyncio.gather(*(one.append(started(2)) for one in others), return_exceptions=True)
        winners = [one for one, outcome in zip(others, outcomes, strict=True) if outcome is None]
        assert len(winners) == 1
        assert sum(isinstance(outcome, kit.Fenced) for outcome in outcomes) == 7
    with pytest.raises(kit.Fenced):
        await first.append(started(2))
    assert kinds(await sender.events(asked.operation)) == ["started"] * 3
    assert winners[0].history == await journals.read_history(sender.bus, first.subject)


async def test_what_is_appended_side_by_side_stands_once_each_in_one_order(sender: Sender) -> None:
    """Steps that a handler runs at once share one journal: every event is stored, and the memory is that order."""
    asked = sending.command()
    journal = kit.Journal(sender.bus, asked)
    names = [f"s{number}" for number in range(20)]
    await asyncio.gather(*(journal.append(ops.StepStarted(step=name, attempt=1)) for name in names))
    read = await journals.read_history(sender.bus, journal.subject)
    assert sorted(read.begun) == sorted(names)
    assert journal.history == read


async def test_cancelled_at_any_moment_an_event_stands_once_or_not_at_all(sender: Sender) -> None:
    """A worker whose appends are cancelled repeatedly still knows exactly what the stream contains."""
    asked = sending.command()
    journal = kit.Journal(sender.bus, asked)
    chance = random.Random(5)
    for number in range(40):
        append = asyncio.create_task(journal.append(ops.StepStarted(step=f"s{number}", attempt=1)))
        await asyncio.wait({append}, timeout=chance.uniform(0, 0.002))
        await ending.end(append)
    await journal.append(ops.StepStarted(step="last", attempt=1))
    read = await journals.read_history(sender.bus, journal.subject)
    assert journal.history == read
    assert len(read.begun) == len(set(read.begun)) == len(kinds(await sender.events(asked.operation)))
    assert len(read.begun) > 1


async def test_a_full_stream_is_waited_for_while_the_operation_is_ones_own(sender: Sender) -> None:
    """An event waits for room without being lost; a worker that was overtaken meanwhile is fenced, not stored."""
    await streams.ensure(sender.bus.js, gib=0.0005)
    asked, other = sending.command(), sending.command()
    waiting, overtaken = kit.Journal(sender.bus, asked), kit.Journal(sender.bus, other)
    await overtaken.append(started())
    filler = ops.OperationProgressed(message="x" * 1900)
    with pytest.raises(mwbus.BusFull):
        while True:
            await sender.bus.publisher.publish("mw.evt.default.filler.operation.x", filler)
    appends = [
        asyncio.create_task(one.append(ops.OperationProgressed(message="y" * 1900))) for one in (waiting, overtaken)
    ]
    done, _ = await asyncio.wait(appends, timeout=0.3)
    assert not done
    await sender.bus.js.purge_stream("EVENTS", subject="mw.evt.default.filler.>")
    successor = kit.Journal(sender.bus, other)
    await successor.read()
    await successor.append(started(2))
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], kit.Fenced)
    assert kinds(await sender.events(asked.operation)) == ["progressed"]
    assert kinds(await sender.events(other.operation)) == ["started", "started"]


async def test_an_absent_bus_is_reported_and_nothing_is_guessed(sender: Sender, nats_server: NatsServer) -> None:
    """Confirming or reading while the server is unavailable raises BusUnavailable."""
    journal = kit.Journal(sender.bus, sending.command())
    await journal.append(started())
    sender.bus.js._timeout = 0.2
    await nats_server.kill()
    calls = (journal.confirm(), journals.has_ended(sender.bus, journal._command), journal.read())
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in outcomes] == [mwbus.BusUnavailable] * 3


class Steps:
    """A context and what its steps did."""

    def __init__(self, sender: Sender, folder: Path, asked: ops.Command) -> None:
        self.journal = kit.Journal(sender.bus, asked)
        self.control = kit.Control()
        self._asked = asked
        self._runtime = kit.Runtime(sender.bus, "example", "w1", folder)
        self.context = self._make()
        self.acted: list[str] = []
        self.undone: list[str] = []

    def _make(self) -> kit.Context:
        return kit.Context(self._asked, self._runtime, self.journal, self.control, "service")

    async def attempt(self) -> None:
        """Another attempt, by another worker."""
        await self.journal.read()
        self.context = self._make()

    async def do(self, name: str, error: Exception | None = None) -> str:
        """A step."""

        async def act() -> str:
            self.acted.append(name)
            if error is not None:
                raise error
            return name

        return await self.context.step(name, act, undo=self.undo(name), result=str)

    def undo(self, name: str, *errors: Exception) -> Undo:
        """An undo that first raises these."""
        left = list(errors)

        async def take_back() -> None:
            if left:
                raise left.pop(0)
            self.undone.append(name)

        return take_back


@pytest.fixture
def steps(sender: Sender, tmp_path: Path) -> Steps:
    """Steps of a fresh operation."""
    return Steps(sender, tmp_path, sending.command())


async def test_a_step_is_done_once_over_all_attempts(steps: Steps, sender: Sender) -> None:
    """Each further attempt gets the stored result; what failed is done again; undone is all that stands, last first."""
    await steps.do("a")
    with pytest.raises(ValueError, match="not yet"):
        await steps.do("b", ValueError("not yet"))
    await steps.attempt()
    assert [await steps.do(name) for name in "abc"] == ["a", "b", "c"]
    assert steps.acted == ["a", "b", "b", "c"]
    assert await steps.context.undo_all()
    assert steps.undone == ["c", "b", "a"]
    assert not steps.context.can_undo
    told = kinds(await sender.events(steps.context.command.operation))
    assert told == ["step_started", "step_completed", "step_started", "step_failed"] + 2 * [
        "step_started", "step_completed",
    ] + 3 * ["step_undone"]  # fmt: skip


async def test_one_name_for_two_steps_is_refused_before_anything_is_done(steps: Steps) -> None:
    """The history of such an operation would be ambiguous; the error has the name."""
    await steps.do("a")
    with pytest.raises(StepOrderError, match="'a' is used twice"):
        await steps.do("a")
    assert steps.acted == ["a"]


async def test_an_undo_that_asks_for_time_gets_a_few_tries(steps: Steps, sender: Sender) -> None:
    """An undo that raises Retry is retried three times; then it fails and the others continue."""
    later = kit.Retry(0.0, FAILURE)
    for name, errors in {"a": [], "b": [later, later], "c": [later, later, later]}.items():

        async def act() -> None:
            return None

        await steps.context.step(name, act, undo=steps.undo(name, *errors))
    assert not await steps.context.undo_all()
    assert steps.undone == ["b", "a"]
    undone = [
        event for event in await sender.events(steps.context.command.operation) if isinstance(event, ops.StepUndone)
    ]
    assert [(event.step, event.failure) for event in undone] == [("c", FAILURE), ("b", None), ("a", None)]


async def test_a_fenced_worker_undoes_nothing_more(steps: Steps, sender: Sender) -> None:
    """When another one has taken over, taking back stops with the step at which that is noticed."""
    for name in "abc":
        await steps.do(name)
    successor = kit.Journal(sender.bus, steps.context.command)
    await successor.read()
    await successor.append(started(2))
    with pytest.raises(kit.Fenced):
        await steps.context.undo_all()
    assert steps.undone == ["c"]
    assert steps.context.can_undo


async def test_a_cancelled_operation_begins_no_step_and_still_takes_back(steps: Steps) -> None:
    """A cancellation takes effect at once before a step and in a sleep; an undo may sleep and is not stopped."""
    await steps.do("a")
    steps.control.cancel(ops.CancelRequested(principal="ann"))
    with pytest.raises(kit.Cancelled):
        await steps.do("b")
    with pytest.raises(kit.Cancelled):
        async with asyncio.timeout(30):
            await steps.context.sleep(60)
    assert steps.acted == ["a"]
    steps.context._undo[0] = ("a", lambda: steps.context.sleep(0.01), 30.0)
    assert await steps.context.undo_all()
    with pytest.raises(TypeError, match="is str, not"):
        steps.context.service(int)
    assert steps.context.service(str) == "service"
