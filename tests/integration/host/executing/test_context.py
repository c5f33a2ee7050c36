"""The context that a handler gets, on a real bus, without a worker around it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import kit
from meshwright.core.testing import sending
from meshwright.core.testing.sending import Sender
from meshwright.schemas import operations as ops


def context_of(sender: Sender, folder: Path, control: kit.Control) -> tuple[kit.Context, kit.Journal]:
    """A context of a fresh operation, and its journal."""
    command = sending.command()
    journal = kit.Journal(sender.bus, command)
    runtime = kit.Runtime(sender.bus, "example", "w1", folder)
    return kit.Context(command, runtime, journal, control, None), journal


async def test_unwinding_never_acts(sender: Sender, tmp_path: Path) -> None:
    """A handler that takes another way when it only runs to be undone is stopped before it does anything new."""
    control = kit.Control()
    context, journal = context_of(sender, tmp_path, control)
    journal.history.learn(ops.StepCompleted(step="done", attempt=1, result=7), ops.StepCompleted.wire.name)
    journal.history.learn(ops.StepStarted(step="elsewhere", attempt=1), ops.StepStarted.wire.name)
    control.is_unwinding = True
    acted: list[int] = []
    undone: list[int] = []

    async def act() -> int:
        acted.append(1)
        return 1

    async def undo() -> None:
        undone.append(1)

    assert await context.step("done", act, undo=undo) == 7
    with pytest.raises(kit.Cancelled):
        await context.step("new", act, undo=undo)
    assert await context.undo_all()
    assert (acted, undone) == ([], [1])


async def test_an_append_that_was_broken_off_is_found_again(sender: Sender, tmp_path: Path) -> None:
    """An event that was stored although its append was cancelled is taken in by the next append, and stands once."""
    _, journal = context_of(sender, tmp_path, kit.Control())
    first: Any = ops.OperationStarted(worker="w1", adapter_version="1.0.0", attempt=1)
    await journal.append(first)
    stored = await sender.bus.last("EVENTS", journal.subject)
    assert stored is not None
    # As after a cancellation between the server's store and its answer.
    journal.history.last, journal.history.attempts = 0, 0
    journal._unconfirmed = [(stored.envelope().id, first)]
    await journal.append(ops.StepStarted(step="one", attempt=1))
    assert journal.history.attempts == 1
    newest = await sender.bus.last("EVENTS", journal.subject)
    assert newest is not None
    assert newest.seq == journal.history.last > stored.seq


async def test_a_step_says_how_long_taking_it_back_may_take(sender: Sender, tmp_path: Path) -> None:
    """An undo that takes longer than its step allows fails with that time, and the others continue."""
    context, _ = context_of(sender, tmp_path, kit.Control())
    undone: list[str] = []

    async def act() -> None:
        """Do nothing."""

    async def undo(name: str) -> None:
        if name == "slow":
            await asyncio.Event().wait()
        undone.append(name)

    await context.step("first", act, undo=lambda: undo("first"))
    await context.step("slow", act, undo=lambda: undo("slow"), undo_timeout=0.05)
    assert not await context.undo_all()
    assert undone == ["first"]
    told = [each for each in await sender.events(context.command.operation) if isinstance(each, ops.StepUndone)]
    assert [each.failure and each.failure.what for each in told] == ["TimeoutError: it timed out after 0.05 s", None]


async def test_a_successor_is_noticed_when_it_is_asked_for(sender: Sender, tmp_path: Path) -> None:
    """Confirming passes while the newest event is one's own and raises as soon as it is another worker's."""
    context, journal = context_of(sender, tmp_path, kit.Control())
    await journal.append(ops.OperationStarted(worker="w1", adapter_version="1.0.0", attempt=1))
    await context.confirm()
    other = kit.Journal(sender.bus, context.command)
    await other.read()
    await other.append(ops.OperationStarted(worker="w2", adapter_version="1.0.0", attempt=2))
    with pytest.raises(kit.Fenced):
        await context.confirm()
    with pytest.raises(kit.Fenced):
        await journal.append(ops.StepStarted(step="one", attempt=1))
