"""Abandoning: a user frees a mesh from an operation that no worker can end, or that is not to be undone."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from ledger import Book
from ledger_adapter import Enter, Post

from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import operations as ops

ADAPTER = "ledger"
Start = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """The world outside."""
    return Book(tmp_path / "book")


async def half_done_by_a_version_that_is_gone(sender: Sender, start_worker: Start, book: Book) -> str:
    """An operation of the newer version whose worker was killed in its second step; only an older one runs now."""
    newer = await start_worker(ledger_major="2")
    operation = await sender.ask(Post(folder=str(book.folder), steps=3, after="500ms"))
    await eventually(lambda: book.entries(operation) == [0, 1])
    await newer.kill()
    await start_worker(worker_ack_wait="1")
    return operation


async def test_a_mesh_is_freed_from_what_nobody_can_end(sender: Sender, start_worker: Start, book: Book) -> None:
    """Others wait for it until it is abandoned; then they run, and what it had done stays."""
    stuck = await half_done_by_a_version_that_is_gone(sender, start_worker, book)
    behind = await sender.ask(Enter(folder=str(book.folder), steps=1))
    told = await sender.wait_for(behind, ops.OperationQueued)
    assert [event.behind for event in told if isinstance(event, ops.OperationQueued)] == [stuck]
    await sender.cancel(stuck)
    await sender.cancel(stuck, abandon=True)
    assert kinds(await sender.end(behind))[-1] == "succeeded"
    events = await sender.events(stuck)
    assert kinds(events)[-3:] == ["cancel_requested", "cancel_requested", "cancelled"]
    assert not [event for event in events if isinstance(event, ops.StepUndone)]
    assert book.entries(stuck) == [0, 1]


async def test_a_version_that_comes_back_does_nothing_more(sender: Sender, start_worker: Start, book: Book) -> None:
    """What was abandoned stays so for a worker that could have ended it."""
    stuck = await half_done_by_a_version_that_is_gone(sender, start_worker, book)
    await sender.cancel(stuck, abandon=True)
    told = await sender.end(stuck)
    await start_worker(ledger_major="2")
    later = await sender.ask(Post(folder=str(book.folder), steps=1))
    assert kinds(await sender.end(later))[-1] == "succeeded"
    assert await sender.events(stuck) == told
    assert book.entries(stuck) == [0, 1]


async def test_a_running_operation_stops_and_leaves_what_it_did(
    sender: Sender, start_worker: Start, book: Book
) -> None:
    """Its own worker takes nothing back either."""
    await start_worker()
    operation = await sender.ask(Enter(folder=str(book.folder), steps=3, after="20s"))
    await eventually(lambda: book.entries(operation) == [0])
    await sender.cancel(operation, abandon=True)
    events = await sender.end(operation)
    assert kinds(events)[-2:] == ["cancel_requested", "cancelled"]
    assert book.entries(operation) == [0]


async def test_taking_back_stops_with_its_worker_when_abandoned(
    sender: Sender, start_worker: Start, book: Book
) -> None:
    """An operation whose undo was interrupted by a kill is abandoned: the next worker publishes its end unchanged."""
    first = await start_worker()
    operation = await sender.ask(Enter(folder=str(book.folder), steps=3, fail="reject", undo_pause="1s"))
    await sender.wait_for(operation, ops.StepUndone)
    await first.kill()
    await sender.cancel(operation, abandon=True)
    await start_worker()
    events = await sender.end(operation)
    assert kinds(events)[-1] == "failed"
    assert book.entries(operation)[0] == 0
