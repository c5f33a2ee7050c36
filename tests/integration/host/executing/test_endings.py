"""How operations end without success: what was begun is taken back, by whichever worker holds the operation then."""

import datetime
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ledger import Book
from ledger_adapter import Enter, Look

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.schemas.base import Message

ADAPTER = "ledger"
Start = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """The world outside."""
    return Book(tmp_path / "book")


def enter(book: Book, **more: Any) -> Enter:
    """Entries in that book."""
    return Enter(folder=str(book.folder), **more)


async def tried(book: Book, operation: str, step: int) -> None:
    """Wait until a step's action was about to act."""
    await eventually(lambda: step in [number for number, _ in book.tries(operation)])


async def test_a_step_that_a_dead_worker_began_is_undone_too(sender: Sender, start_worker: Start, book: Book) -> None:
    """Killed between a step's effect and its record, then cancelled: the successor takes that effect back as well."""
    first = await start_worker()
    operation = await sender.ask(enter(book, steps=3, after="20s"))
    await eventually(lambda: book.entries(operation) == [0])
    await first.kill()
    await sender.cancel(operation)
    await start_worker()
    events = await sender.end(operation)
    assert kinds(events)[-3:] == ["undoing", "step_undone", "cancelled"]
    assert book.entries(operation) == []


async def test_undoing_goes_on_after_a_kill(sender: Sender, start_worker: Start, book: Book) -> None:
    """A worker killed while it takes things back is followed by one that takes back the rest, each step once."""
    first = await start_worker()
    operation = await sender.ask(enter(book, steps=4, fail="reject", undo_pause="300ms"))
    await sender.wait_for(operation, ops.StepUndone)
    await first.kill()
    await start_worker()
    events = await sender.end(operation)
    undone = [event.step for event in events if isinstance(event, ops.StepUndone)]
    assert undone == ["enter-3", "enter-2", "enter-1", "enter-0"]
    assert kinds(events)[-1] == "failed"
    assert [event.attempt for event in events if isinstance(event, ops.OperationStarted)] == [1]
    assert book.entries(operation) == []


async def test_an_undo_that_fails_is_reported_and_stops_nobody(sender: Sender, start_worker: Start, book: Book) -> None:
    """One step that cannot be taken back is visible with its reason, and the others are taken back."""
    await start_worker()
    operation = await sender.ask(enter(book, steps=3, fail="reject", undo_fails=1))
    events = await sender.end(operation)
    undone = {event.step: event.failure for event in events if isinstance(event, ops.StepUndone)}
    assert list(undone) == ["enter-2", "enter-1", "enter-0"]
    told = undone["enter-1"]
    assert told is not None
    assert "cannot be taken back" in told.what
    assert book.entries(operation) == [1]


async def test_a_deadline_that_passed_while_nobody_worked_is_made_good(
    sender: Sender, start_worker: Start, book: Book
) -> None:
    """After its deadline a half-done operation is taken back by the next worker, and only then do others run."""
    first = await start_worker()
    operation = await sender.ask(enter(book, steps=5, pause="400ms"), seconds=2)
    await sender.wait_for(operation, ops.StepCompleted)
    await first.kill()
    behind = await sender.ask(enter(book, steps=1))
    command = await sender.bus.at("COMMANDS", 1)
    assert command is not None
    await eventually(lambda: _has_passed(command))
    await start_worker()
    events = await sender.end(operation)
    assert kinds(events)[-1] == "timed_out"
    assert book.entries(operation) == []
    later = await sender.end(behind)
    assert kinds(later)[-1] == "succeeded"
    assert book.order()[-1] == behind
    assert await _seq(sender, operation, ops.OperationTimedOut) < await _seq(sender, behind, ops.OperationStarted)


async def test_the_scheduler_has_the_last_word_on_what_nobody_began(
    sender: Sender, start_worker: Start, book: Book
) -> None:
    """A command that the scheduler has ended is not started any more, whatever the worker's clock says."""
    operation = await sender.ask(enter(book, steps=1))
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="scheduler", entity="operation", id=operation)
    await sender.bus.publisher.publish(subject, ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))
    await start_worker()
    after = await sender.ask(Look())
    assert kinds(await sender.end(after))[-1] == "succeeded"
    await eventually(lambda: _nothing_pending(sender))
    assert kinds(await sender.events(operation)) == ["timed_out"]
    assert book.tries(operation) == []


async def test_the_schedulers_word_stops_what_runs(sender: Sender, start_worker: Start, book: Book) -> None:
    """A running operation that the scheduler ends stops, is undone, and has its own terminal event."""
    await start_worker()
    operation = await sender.ask(enter(book, steps=3, pause="5s", after="0s"))
    await sender.wait_for(operation, ops.StepStarted)
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="scheduler", entity="operation", id=operation)
    await sender.bus.publisher.publish(subject, ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))
    await eventually(lambda: _nothing_pending(sender))
    assert book.entries(operation) == []


async def test_a_cancelled_one_lets_nobody_pass_those_before_it(
    sender: Sender, start_worker: Start, book: Book
) -> None:
    """Cancelling a waiting operation does not let the ones behind it run beside the one before it."""
    await start_worker()
    first = await sender.ask(enter(book, steps=4, pause="300ms"))
    await sender.wait_for(first, ops.StepStarted)
    waiting = await sender.ask(enter(book, steps=1))
    await sender.wait_for(waiting, ops.OperationQueued)
    await sender.cancel(waiting)
    assert kinds(await sender.end(waiting))[-1] == "cancelled"
    last = await sender.ask(enter(book, steps=1))
    assert kinds(await sender.end(last))[-1] == "succeeded"
    assert book.order() == [first, last]


async def test_a_handler_that_ends_its_process_becomes_a_dead_letter(
    sender: Sender, start_worker: Start, book: Book
) -> None:
    """A command that kills every worker that takes it ends after its tries, and is taken back."""
    operation = await sender.ask(enter(book, steps=1, fail="exit"))
    while not [event for event in await sender.events(operation) if isinstance(event, ops.OperationDeadLettered)]:
        worker = await start_worker(worker_max_attempts="2")
        await eventually(partial(_left_or_ended, sender, worker, operation))
    events = await sender.events(operation)
    # The first attempt completed a step, so it was not stalled_attempts; two more were.
    assert [event.attempt for event in events if isinstance(event, ops.OperationStarted)] == [1, 2, 3]
    letter = next(event for event in events if isinstance(event, ops.OperationDeadLettered))
    assert letter.failure.code == "MW1006"
    assert book.entries(operation) == []


async def test_an_attempt_that_was_interrupted_does_not_count(sender: Sender, start_worker: Start, book: Book) -> None:
    """A worker that is shut down in a long step hands over, and that is not a failed attempt of the operation."""
    operation = await sender.ask(enter(book, steps=1, pause="1s"))
    for _ in range(3):
        worker = await start_worker(worker_max_attempts="2", worker_grace="0.1")
        before = len(await sender.events(operation))
        await eventually(partial(_started_since, sender, operation, before))
        assert await worker.stop() == 0
    await start_worker(worker_max_attempts="2")
    events = await sender.end(operation)
    assert kinds(events)[-1] == "succeeded"
    assert len([event for event in events if isinstance(event, ops.OperationQueued) and event.interrupted]) == 3


async def test_a_retry_is_an_operation_of_its_own(sender: Sender, start_worker: Start, book: Book) -> None:
    """What an earlier operation has done is no step of the one that retries it, whose steps survive a kill as ever."""
    first = await start_worker()
    failed = await sender.ask(enter(book, steps=2, fail="reject"), keep_on_failure=True)
    assert kinds(await sender.end(failed))[-1] == "failed"
    again = await sender.ask(enter(book, steps=3, pause="300ms"), retry_of=failed)
    await sender.wait_for(again, ops.StepCompleted)
    await first.kill()
    await start_worker()
    events = await sender.end(again)
    assert kinds(events)[-1] == "succeeded"
    done = [event.step for event in events if isinstance(event, ops.StepCompleted)]
    assert done == ["enter-0", "enter-1", "enter-2"]
    assert {number for number, _ in book.tries(again)} == {0, 1, 2}


async def test_sigterm_gives_waiting_operations_back_at_once(sender: Sender, start_worker: Start, book: Book) -> None:
    """What only waits for its turn is taken by another worker without waiting for the ack wait."""
    first = await start_worker(worker_ack_wait="60")
    running = await sender.ask(enter(book, steps=2, pause="500ms"))
    await sender.wait_for(running, ops.StepStarted)
    waiting = [await sender.ask(enter(book, steps=1)) for _ in range(20)]
    await sender.wait_for(waiting[-1], ops.OperationQueued)
    await start_worker(worker_ack_wait="60")
    assert await first.stop() == 0
    for operation in (running, *waiting):
        assert kinds(await sender.end(operation, timeout=30))[-1] == "succeeded"
    assert book.order() == [running, *waiting]


async def test_what_nobody_understands_waits_for_somebody_who_does(sender: Sender, start_worker: Start) -> None:
    """A command of an unknown version is left alone, delays no other, and is taken when a worker that supports it
    starts.
    """
    await start_worker()
    strange = await sender.ask(Look(), version=2)
    others = [await sender.ask(Look()) for _ in range(20)]
    for operation in others:
        assert kinds(await sender.end(operation))[-1] == "succeeded"
    assert kinds(await sender.events(strange)) == []
    await start_worker(ledger_major="2")
    assert kinds(await sender.end(strange)) == ["started", "succeeded"]


async def test_what_nobody_understood_in_time_is_let_go(sender: Sender, start_worker: Start) -> None:
    """Once the scheduler has ended a command that never started, workers that do not support it stop giving it back."""
    strange = await sender.ask(Look(), version=2)
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="scheduler", entity="operation", id=strange)
    await start_worker()
    await sender.end(await sender.ask(Look()))
    assert not await _nothing_pending(sender)
    await sender.bus.publisher.publish(subject, ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))
    await eventually(partial(_nothing_pending, sender))
    assert kinds(await sender.events(strange)) == ["timed_out"]


def _has_passed(command: mwbus.Received) -> bool:
    result = command.message()
    assert isinstance(result, ops.Command)
    return datetime.datetime.now(datetime.UTC) > result.deadline


async def _seq(sender: Sender, operation: str, kind: type[Message]) -> int:
    """Where the first event of that kind stands in the stream."""
    subject, seq = f"mw.evt.*.ledger.operation.{operation}", 1
    while (message := await sender.bus.following("EVENTS", seq, subject)) is not None:
        if message.type == kind.wire.name:
            return message.seq
        seq = message.seq + 1
    raise AssertionError(f"{operation} has no {kind.__name__}")


async def _nothing_pending(sender: Sender) -> bool:
    info = await sender.bus.js.consumer_info("COMMANDS", "adapter-ledger")
    return bool(info.num_pending == 0 and info.num_ack_pending == 0)


async def _left_or_ended(sender: Sender, worker: WorkerProcess, operation: str) -> bool:
    ended = any(isinstance(event, ops.OperationDeadLettered) for event in await sender.events(operation))
    return worker.process.returncode is not None or ended


async def _started_since(sender: Sender, operation: str, before: int) -> bool:
    return any(isinstance(event, ops.OperationStarted) for event in (await sender.events(operation))[before:])
