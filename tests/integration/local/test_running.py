"""A local stack's processes: joined when they are the same, healed when they died, gone after stop."""

import asyncio
import io
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshwright.core.machine import ports, processes
from meshwright.core.testing.eventually import eventually
from meshwright.workers.local.home import Home, LocalError, room
from meshwright.workers.local.output import Output
from meshwright.workers.local.parts import Part
from meshwright.workers.local.running import LocalStack

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
# Starts a child that its own end does not end, as the adapter does with sidecars.
PARENT = (
    "import subprocess, sys, time;"
    f"subprocess.Popen([sys.executable, '-c', {SLEEP!r}], start_new_session=True);"
    "print('up', flush=True); time.sleep(600)"
)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """An empty stack, stopped afterwards whatever the test did."""
    home = Home(tmp_path / "home")
    home.prepare()
    stack = LocalStack(home, Output(io.StringIO()))
    yield stack
    await stack.stop()


def part(stack: LocalStack, name: str, code: str = SLEEP, **settings: str) -> Part:
    """A part that is ready when it has said `up` in its log."""

    async def ready() -> bool:
        return "up" in processes.tail(stack.home.log(name))

    return Part(name=name, command=[sys.executable, "-c", code], ready=ready, settings=settings)


async def test_same_part_is_joined(stack: LocalStack) -> None:
    """Starting what runs starts nothing."""
    assert await stack.start(part(stack, "a"))
    before = stack.running()["a"]
    assert not await stack.start(part(stack, "a"))
    assert stack.running()["a"] == before


async def test_dead_part_is_started_again(stack: LocalStack) -> None:
    """A part that was killed is started by the next start, under a new pid."""
    await stack.start(part(stack, "a"))
    before = stack.running()["a"]
    os.kill(before.pid, signal.SIGKILL)
    await eventually(lambda: not stack.running())
    assert await stack.start(part(stack, "a"))
    assert stack.running()["a"].pid != before.pid


async def test_changed_settings_restart_the_part(stack: LocalStack) -> None:
    """A part whose settings changed is replaced, not joined."""
    await stack.start(part(stack, "a", PORT="1"))
    before = stack.running()["a"]
    assert await stack.start(part(stack, "a", PORT="2"))
    assert not processes.alive(before)


async def test_part_that_dies_at_once_is_reported_with_its_log(stack: LocalStack) -> None:
    """A part that cannot run is an error that quotes what the part said."""
    with pytest.raises(LocalError, match="cannot open the door"):
        await stack.start_all([part(stack, "a", "raise SystemExit('cannot open the door')")])


async def test_missing_program_names_the_remedy(stack: LocalStack) -> None:
    """A console command that is not installed says how to install it."""
    missing = Part(name="a", command=["/nowhere/meshwright-a"], ready=part(stack, "a").ready)
    with pytest.raises(LocalError, match="make install"):
        await stack.start(missing)


async def test_stop_leaves_nothing_not_even_grandchildren(stack: LocalStack) -> None:
    """Stop ends the parts and what they left running on purpose, and counts them."""
    await stack.start_all([part(stack, "a", PARENT), part(stack, "nats-server")])
    await eventually(lambda: len(processes.matching("environ", stack.home.marker)) == 3)
    assert await stack.stop() == 3
    assert processes.matching("environ", stack.home.marker) == []
    assert await stack.stop() == 0


def test_token_and_ports_stay(tmp_path: Path) -> None:
    """The token has 256 bits for its owner's eyes only, and what was chosen once is chosen again."""
    home = Home(tmp_path / "home")
    home.prepare()
    token = home.token_file.read_text()
    chosen = home.choose_ports(["front"], [])
    home.prepare()
    assert home.token_file.read_text() == token
    assert len(token) >= 43
    assert home.token_file.stat().st_mode & 0o777 == 0o600
    assert home.choose_ports(["front"], []) == chosen
    home.wipe()


async def test_port_taken_by_a_stranger(tmp_path: Path) -> None:
    """A port taken by another process is replaced and the others stay; that of MongoDB's data is an error with a
    remedy.
    """
    home = Home(tmp_path / "home")
    home.prepare()
    chosen = home.choose_ports(["front"], [])
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", chosen.api):
        moved = home.choose_ports(["front"], [])
        assert moved.api != chosen.api
        assert ports.bindable(moved.api)
        assert (moved.nats, moved.mongodb, moved.shop) == (chosen.nats, chosen.mongodb, chosen.shop)
        assert home.api_url_file.read_text() == f"http://127.0.0.1:{moved.api}\n"
    (home.directory / "mongodb").mkdir()
    (home.directory / "mongodb" / "WiredTiger").touch()
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", chosen.mongodb):
        with pytest.raises(LocalError, match=rf"pid {os.getpid()}.*WIPE=1"):
            home.choose_ports(["front"], [])
    home.wipe()


def test_a_reservation_alone_keeps_nobody_from_its_data(tmp_path: Path) -> None:
    """MongoDB comes back at the port of its data although another stack, not running, reserved it meanwhile."""
    earlier, later = Home(tmp_path / "earlier"), Home(tmp_path / "later")
    for home in (earlier, later):
        home.prepare()
    chosen = earlier.choose_ports(["front"], [])
    (earlier.directory / "mongodb").mkdir()
    (earlier.directory / "mongodb" / "WiredTiger").touch()
    ports.Registry().release(earlier.directory)  # as stacks of versions that reserved nothing
    ports.Registry().assign(chosen.all(), owner=later.directory, seize=True)
    again = earlier.choose_ports(["front"], [])
    assert again.mongodb == chosen.mongodb and again.api != chosen.api
    assert ports.Registry().all()[again.mongodb] == str(earlier.directory)
    for home in (earlier, later):
        home.wipe()


async def test_part_whose_starter_died_before_it_wrote_the_record_is_not_run_twice(stack: LocalStack) -> None:
    """An unrecorded process of this stack is stopped before the part is started again."""
    await stack.start(part(stack, "a"))
    before = stack.running()["a"]
    stack.home.record("a").unlink()
    assert await stack.start(part(stack, "a"))
    assert not processes.alive(before)
    assert len(processes.matching("environ", stack.home.marker)) == 1


def test_two_stacks_never_get_the_same_port(tmp_path: Path) -> None:
    """What one stack has chosen is not chosen by another, although nothing listens there yet."""
    homes = [Home(tmp_path / name) for name in ("a", "b")]
    for home in homes:
        home.prepare()
    first, second = [home.choose_ports(["front", "cart"], []) for home in homes]
    assert not first.all() & second.all()
    assert homes[0].choose_ports(["front", "cart"], []) == first
    for home in homes:
        home.wipe()


async def test_one_at_a_time(tmp_path: Path) -> None:
    """A second holder waits for the first, also when the first wiped the folder meanwhile."""
    home = Home(tmp_path / "home")
    order: list[str] = []

    async def second() -> None:
        async with home.locked():
            order.append("second")

    async with home.locked():
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0)
        home.wipe()
        order.append("first")
    await waiting
    assert order == ["first", "second"]


def test_the_streams_get_what_the_disk_bears_and_keep_it(tmp_path: Path) -> None:
    """A small disk gives them a quarter, a large one no more than they need; what was chosen once stays."""
    assert [room(gib * 2**30) for gib in (2, 8, 1000)] == [0.5, 2.0, 10.0]
    home = Home(tmp_path / "home")
    home.prepare()
    (home.directory / "streams-gib").write_text("3.5")
    assert home.streams_gib() == 3.5
