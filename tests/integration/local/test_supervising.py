"""The supervisor of a local stack: parts that exit are restarted, with increasing pauses, and noted."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from meshwright.core import ending
from meshwright.core.machine import processes
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import free_port
from meshwright.workers.local import supervising
from meshwright.workers.local.home import Home
from meshwright.workers.local.output import Output
from meshwright.workers.local.parts import SUPERVISOR, Part
from meshwright.workers.local.running import LocalStack
from meshwright.workers.local.supervising import Supervisor

SLEEP = "import time; time.sleep(600)"
FAILS = "raise SystemExit('the table is missing')"


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """An empty stack that this process supervises, stopped afterwards."""
    home = Home(tmp_path / "home")
    home.prepare()
    processes.write(home.record(SUPERVISOR), processes.here(SUPERVISOR))
    stack = LocalStack(home, Output(io.StringIO()))
    yield stack
    await stack.stop()


@asynccontextmanager
async def watched(stack: LocalStack, *parts: Part) -> AsyncIterator[asyncio.Task[None]]:
    """A running supervisor."""
    task = asyncio.create_task(Supervisor(stack, list(parts)).keep())
    try:
        yield task
    finally:
        await ending.end(task)


def part(name: str, code: str = SLEEP, port: int | None = None) -> Part:
    """A part without a readiness check."""
    return Part(name=name, command=[sys.executable, "-c", code], ready=None, port=port)


async def test_what_is_killed_comes_back(stack: LocalStack) -> None:
    """A part that was killed runs again under another pid, and its exit is noted."""
    wanted = part("a")
    await stack.start(wanted)
    before = stack.running()["a"]
    async with watched(stack, wanted):
        os.kill(before.pid, signal.SIGKILL)
        await eventually(lambda: "a" in stack.running() and stack.running()["a"].pid != before.pid)
        assert supervising.notes(stack.home)["a"].deaths == 1


async def test_a_part_that_cannot_run_is_tried_less_and_less_often(stack: LocalStack) -> None:
    """Each death in a row doubles the pause before the next start; the end of the log says why; others are kept."""
    well = part("well")
    await stack.start(well)
    async with watched(stack, part("sick", FAILS), well):
        await eventually(lambda: supervising.notes(stack.home).get("sick", None) is not None)

        def tried_often() -> bool:
            note = supervising.notes(stack.home)["sick"]
            return note.deaths >= 3 and (note.next_try - note.last).total_seconds() >= 2

        await eventually(tried_often)
        assert "the table is missing" in supervising.notes(stack.home)["sick"].why
        os.kill(stack.running()["well"].pid, signal.SIGKILL)
        await eventually(lambda: "well" in stack.running())


async def test_a_port_that_a_stranger_took_is_named_and_taken_back_when_it_is_free(stack: LocalStack) -> None:
    """While another process has the port the part is not started, `why` names both, and the part starts once the
    port is free.
    """
    port = free_port()
    server = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(600)"
    async with (
        await asyncio.start_server(lambda *_: None, "127.0.0.1", port) as stranger,
        watched(stack, part("a", server, port)),
    ):
        await eventually(lambda: supervising.notes(stack.home).get("a"))
        await eventually(lambda: f":{port}" in supervising.notes(stack.home)["a"].why)
        assert f"pid {os.getpid()}" in supervising.notes(stack.home)["a"].why
        assert "a" not in stack.running()
        stranger.close()
        await eventually(lambda: "a" in stack.running())


async def test_a_part_with_a_restart_reason_is_restarted(stack: LocalStack) -> None:
    """A running part that gives a reason to restart it is restarted."""
    sick: set[int] = set()
    wanted = unhealthy(part("a"), sick)
    await stack.start(wanted)
    before = stack.running()["a"]
    async with watched(stack, wanted):
        sick.add(before.pid)
        await eventually(lambda: "a" in stack.running() and stack.running()["a"].pid != before.pid)
        assert supervising.notes(stack.home)["a"].why == "does nothing any more"


def unhealthy(one: Part, sick: set[int]) -> Part:
    """The part, with a restart reason while its pid is in `sick`."""
    return Part(
        name=one.name,
        command=one.command,
        ready=None,
        restart_reason=lambda record: "does nothing any more" if record.pid in sick else "",
    )


async def test_nothing_is_started_while_an_up_or_down_is_at_work(stack: LocalStack) -> None:
    """The supervisor waits for the exclusive lock on the home."""
    async with stack.home.locked(), watched(stack, part("a")):
        await asyncio.sleep(3 * supervising.EVERY)  # it had three chances
        assert "a" not in stack.running()


async def test_it_ends_when_another_has_taken_over(stack: LocalStack) -> None:
    """There is one supervisor: the one that is written down."""
    async with watched(stack, part("a")) as task:
        await eventually(lambda: "a" in stack.running())
        other = msgspec.structs.replace(processes.here(SUPERVISOR), pid=stack.running()["a"].pid)
        processes.write(stack.home.record(SUPERVISOR), other)
        await eventually(task.done)
        stack.home.record(SUPERVISOR).unlink()
