"""Ends of processes: errors in one line, cancellation at any moment, and files that are replaced atomically."""

import asyncio
import os
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meshwright.core import ending
from meshwright.core.machine import processes
from meshwright.core.testing.eventually import eventually
from meshwright.workers import running


@pytest.fixture
def signals() -> Iterator[None]:
    """This process's own way with signals, afterwards as before."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("signals")
async def test_a_signal_cancels_the_work_and_waits_for_it(number: signal.Signals) -> None:
    """The work closes what it opened, however long it takes, and then the process ends in good order."""
    log: list[str] = []
    began = asyncio.Event()

    async def work() -> None:
        try:
            began.set()
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            log.append("closed")

    until = asyncio.create_task(running.until_signalled(work))
    await began.wait()
    os.kill(os.getpid(), number)
    async with asyncio.timeout(30):
        await until
    assert log == ["closed"]


@pytest.mark.usefixtures("signals")
async def test_what_the_work_raises_is_raised() -> None:
    """Work that ends by itself ends the process, with its error or without."""

    async def fail() -> None:
        raise RuntimeError("it broke")

    async def succeed() -> None:
        return

    with pytest.raises(RuntimeError, match="it broke"):
        await running.until_signalled(fail)
    await running.until_signalled(succeed)


async def test_a_task_that_swallows_its_cancellation_is_asked_again() -> None:
    """Ending is certain: it returns when every task has ended, and keeps their errors for those who want them."""
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1

    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("on its way out")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
    done = asyncio.create_task(asyncio.sleep(0))
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await ending.end(*tasks, done)
        await ending.end()
    assert all(task.done() for task in tasks)
    assert swallowed == 2
    with pytest.raises(ValueError, match="on its way out"):
        tasks[1].result()


def test_the_first_error_of_groups_within_groups() -> None:
    """The reported error is one with a message, however deeply nested."""
    inner = ValueError("the reason")
    group = ExceptionGroup("a", [ExceptionGroup("b", [inner, OSError()]), KeyError()])
    assert ending.first_error(group) is inner


@pytest.mark.parametrize("orphan", [False, True])
async def test_what_was_started_is_distinguished_from_what_could_not_be(tmp_path: Path, orphan: bool) -> None:
    """A missing program is an error with its name; a started one is detached if requested."""
    with pytest.raises(OSError, match="nowhere"):
        processes.spawn("x", [str(tmp_path / "nowhere")], log=tmp_path / "log", environment={}, orphan=orphan)
    code = "import os, time; print(os.getppid(), flush=True); time.sleep(600)"
    log = tmp_path / "log"
    record = processes.spawn("x", [sys.executable, "-c", code], log=log, environment={}, orphan=orphan)
    try:
        parent = int(await eventually(lambda: log.read_text().strip()))
        assert (parent == os.getpid()) == (not orphan)
        assert processes.alive(record)
        assert os.getsid(record.pid) != os.getsid(0)
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    finally:
        assert await processes.stop(record)
    assert not processes.alive(record)


@pytest.mark.parametrize("orphan", [False, True])
async def test_a_process_works_where_it_is_told_and_for_its_owner(tmp_path: Path, orphan: bool) -> None:
    """It is started in the folder named, and what it makes there is readable by its owner only."""
    code = "import time; open('made', 'w').close(); time.sleep(600)"
    command = [sys.executable, "-c", code]
    inside = tmp_path / "in side"
    inside.mkdir()
    record = processes.spawn("x", command, log=tmp_path / "log", environment={}, orphan=orphan, directory=inside)
    try:
        made = inside / "made"
        await eventually(made.exists)
        assert stat.S_IMODE(made.stat().st_mode) == 0o600
    finally:
        assert await processes.stop(record)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """A concurrent reader gets the old or the new content; no temporary file remains, and only the owner may read
    it.
    """
    file = tmp_path / "deep" / "record"
    for content in (b"old" * 1000, b"new"):
        processes.replace(file, content)
        assert file.read_bytes() == content
        assert [path.name for path in file.parent.iterdir()] == ["record"]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.parent.chmod(0o500)
    try:
        if os.geteuid():  # root may write everywhere
            with pytest.raises(OSError, match="Permission"):
                processes.replace(file, b"never")
        assert file.read_bytes() == b"new"
    finally:
        file.parent.chmod(0o700)


def test_the_end_of_a_log_is_what_is_shown(tmp_path: Path) -> None:
    """The last lines, also of a long log and of bytes that are no text; a log that is not there has none."""
    log = tmp_path / "log"
    assert processes.tail(log) == ""
    assert not processes.trim(log, limit=5)
    log.write_bytes(b"\xff\n" * 20_000 + b"one\ntwo\n")
    assert processes.tail(log, 2) == "one\ntwo"
    assert processes.tail(log, 3).startswith("\ufffd")


def test_this_process_finds_itself() -> None:
    """The record of the running process is alive, and sending it signal 0 is harmless."""
    me = processes.here("me")
    assert (me.name, me.pid) == ("me", os.getpid())
    assert processes.alive(me)
    processes.send(me, signal.Signals.SIGCHLD)
    assert processes.digest_of(["a", "b"]) == processes.digest_of(("a", "b")) != processes.digest_of(["ab", ""])
