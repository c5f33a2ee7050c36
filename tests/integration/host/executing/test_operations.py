"""What becomes of a command: success, failure, undo, retry, dead letter, cancel, deadline, order."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest
from example_adapter import NoOp, Write

from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import kinds
from meshwright.schemas import operations as ops


def lines(path: Path) -> list[str]:
    """What the operations have written."""
    return path.read_text().splitlines() if path.exists() else []


def logs(directory: Path) -> list[Path]:
    """What the workers have logged."""
    return list(directory.glob("worker-*.log"))


async def test_a_command_runs_step_by_step_and_succeeds(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """An accepted command is started, its steps are published in order, and it ends with its result."""
    await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=2))
    events = await sender.end(operation)
    step = ["step_started", "step_completed"]
    assert kinds(events) == ["started", *step, *step, "progressed", "succeeded"]
    assert ops.OperationSucceeded(result={"lines": 2}) in events
    assert len(lines(tmp_path / "m1")) == 2


async def test_an_accepted_command_waits_for_its_adapter(sender: Any, start_worker: Any) -> None:
    """A command that was accepted while no worker ran is done as soon as one comes."""
    operation = await sender.ask(NoOp())
    await start_worker()
    assert kinds(await sender.end(operation)) == ["started", "succeeded"]


async def test_a_rejected_operation_undoes_what_it_did(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """A handler that rejects in its third step fails the operation and takes the first two back, last first."""
    await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=5, fail_at=2))
    events = await sender.end(operation)
    undone = [event.step for event in events if isinstance(event, ops.StepUndone)]
    assert undone == ["write-2", "write-1", "write-0"]
    failed = next(event for event in events if isinstance(event, ops.OperationFailed))
    assert (failed.failure.code, failed.failure.remedy) == ("EX2", "do not tell it to")
    assert lines(tmp_path / "m1") == []


async def test_a_failed_operation_keeps_its_steps_when_asked(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """With keep_on_failure nothing is undone; a retry finds it there and runs every step of its own."""
    await start_worker()
    write = Write(path=str(tmp_path / "m1"), steps=3, fail_at=2)
    first = await sender.ask(write, keep_on_failure=True)
    assert "step_undone" not in kinds(await sender.end(first))
    assert len(lines(tmp_path / "m1")) == 2
    again = await sender.ask(Write(path=str(tmp_path / "m1"), steps=3), retry_of=first)
    events = await sender.end(again)
    started = [event.step for event in events if isinstance(event, ops.StepStarted)]
    assert started == ["write-0", "write-1", "write-2"]
    assert kinds(events)[-1] == "succeeded"


async def test_a_defect_is_retried_and_then_dead_lettered(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """An unexpected error is tried as often as allowed, then the operation ends visibly as dead-lettered."""
    await start_worker(worker_max_attempts="2")
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), fail_at=0, fail_how="defect"))
    events = await sender.end(operation)
    assert [event.attempt for event in events if isinstance(event, ops.OperationStarted)] == [1, 2]
    assert kinds(events)[-1] == "dead_lettered"
    assert "a defect" in next(e.failure.what for e in events if isinstance(e, ops.OperationDeadLettered))


@pytest.mark.parametrize("redelivered", [False, True])
async def test_cancelling_a_running_operation_undoes_it(
    sender: Any, start_worker: Any, tmp_path: Path, redelivered: bool
) -> None:
    """A cancel is seen inside a long step, also by the worker that took over after a crash."""
    worker = await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=3, pause="1s"))
    await sender.wait_for(operation, ops.StepCompleted)
    if redelivered:
        await worker.kill()
        await sender.cancel(operation)
        await start_worker()
    else:
        await sender.cancel(operation)
    events = await sender.end(operation)
    assert kinds(events)[-1] == "cancelled"
    assert lines(tmp_path / "m1") == []


async def test_cancelling_before_the_start_prevents_it(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """An operation that was cancelled while no worker ran is never started."""
    operation = await sender.ask(Write(path=str(tmp_path / "m1")))
    await sender.cancel(operation)
    await start_worker()
    assert kinds(await sender.end(operation)) == ["cancel_requested", "cancelled"]


async def test_a_deadline_ends_an_operation(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """An operation that takes longer than its deadline is stopped, undone, and ends as timed out."""
    await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=9, pause="400ms"), seconds=1)
    events = await sender.end(operation)
    assert kinds(events)[-1] == "timed_out"
    assert lines(tmp_path / "m1") == []


async def test_a_killed_worker_is_continued_where_it_was(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """After kill -9 another worker completes the operation without running a completed step again."""
    first = await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=6, pause="200ms"))
    await sender.wait_for(operation, ops.StepCompleted)
    await start_worker()
    await first.kill()
    events = await sender.end(operation)
    completed = [event.step for event in events if isinstance(event, ops.StepCompleted)]
    assert completed == [f"write-{n}" for n in range(6)]
    assert [event.attempt for event in events if isinstance(event, ops.OperationStarted)] == [1, 2]
    assert len(lines(tmp_path / "m1")) == 6


async def test_a_worker_that_wakes_up_late_is_fenced(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """A paused worker whose operation another one finished publishes nothing and changes nothing when it continues."""
    zombie = await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=4, pause="300ms"))
    await sender.wait_for(operation, ops.StepCompleted)
    zombie.signal(signal.SIGSTOP)
    await start_worker()
    events = await sender.end(operation)
    zombie.signal(signal.SIGCONT)
    await eventually(lambda: any("taken over" in path.read_text() for path in logs(tmp_path)))
    assert await sender.events(operation) == events
    assert len(lines(tmp_path / "m1")) == 4


async def test_operations_of_one_mesh_run_in_the_order_of_acceptance(
    sender: Any, start_worker: Any, tmp_path: Path
) -> None:
    """With two workers, mutating operations of one mesh run one at a time and in order; other meshes run beside."""
    path = tmp_path / "m1"
    asked = [await sender.ask(Write(path=str(path), steps=2, pause="20ms")) for _ in range(8)]
    beside = await sender.ask(Write(path=str(tmp_path / "m2"), steps=1), mesh="m2")
    await asyncio.gather(start_worker(), start_worker())
    for operation in [*asked, beside]:
        assert kinds(await sender.end(operation))[-1] == "succeeded"
    assert [line.split()[0] for line in lines(path)] == [operation for operation in asked for _ in range(2)]


async def test_sigterm_lets_running_operations_finish(sender: Any, start_worker: Any, tmp_path: Path) -> None:
    """A worker that is asked to stop finishes what it runs and exits with status 0."""
    worker = await start_worker()
    operation = await sender.ask(Write(path=str(tmp_path / "m1"), steps=3, pause="200ms"))
    await sender.wait_for(operation, ops.StepStarted)
    assert await worker.stop() == 0
    assert kinds(await sender.events(operation))[-1] == "succeeded"
