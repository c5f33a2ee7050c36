"""What the fleet makes of its directory: records, wishes, locks and sockets, tried with a program that only listens."""

import contextlib
import fcntl
import os
import socket
import stat
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.adapters.envoy.dataplane import fleet as fleets
from meshwright.adapters.envoy.dataplane.fleet import Fleet, FleetError
from meshwright.core.machine import processes

LISTENER = """#!{python}
import json, socket, sys, time
wanted = json.load(open(sys.argv[2]))
print("starting", flush=True)
if wanted["listen"]:
    held = socket.socket(socket.AF_UNIX)
    held.bind("admin.sock")
    held.listen()
time.sleep(600)
"""


@pytest.fixture
def binary(tmp_path: Path) -> Path:
    """A stand-in for Envoy that opens its admin socket, if its bootstrap says so, and does nothing else."""
    program = tmp_path / "listener"
    program.write_text(LISTENER.format(python=sys.executable))
    program.chmod(0o700)
    return program


def bootstrap(listen: bool = True) -> dict[str, object]:
    """What the stand-in reads."""
    return {"listen": listen}


def environment_of(pid: int) -> bytes:
    """What a process was given."""
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_a_socket_that_was_left_behind_is_no_answer(tmp_path: Path, binary: Path) -> None:
    """A sidecar counts as started when it answers itself, not when something listens where another one did."""
    folder = tmp_path / "fleet" / "a"
    (folder / "run").mkdir(parents=True)
    with contextlib.chdir(folder / "run"), socket.socket(socket.AF_UNIX) as former:
        former.bind("admin.sock")
        former.listen()
        async with Fleet.open(tmp_path / "fleet", keep_on_exit=False, binary=binary) as fleet:
            with pytest.raises(FleetError, match="ended at once"):
                await fleet.ensure("a", {"no": "such field"})
            assert (await fleet.ensure("a", bootstrap())).pid is not None


async def test_a_long_path_is_no_obstacle(tmp_path: Path, binary: Path) -> None:
    """A folder whose name is longer than a socket's address may be still has a sidecar that answers."""
    deep = tmp_path / ("d" * 120) / "fleet"
    async with Fleet.open(deep, keep_on_exit=False, binary=binary) as fleet:
        assert (await fleet.ensure("w" * 190, bootstrap())).pid is not None


async def test_a_record_of_a_stranger_is_not_believed(tmp_path: Path, binary: Path) -> None:
    """A record whose pid has become another process is replaced, and that process is left in peace."""
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False, binary=binary) as fleet:
        first = await fleet.ensure("a", bootstrap())
        record = processes.read(tmp_path / "fleet" / "a" / "record.json")
        assert record is not None
        forged = msgspec.structs.replace(record, pid=os.getpid())
        processes.write(tmp_path / "fleet" / "a" / "record.json", forged)
        second = await fleet.ensure("a", bootstrap())
        assert second.pid not in (None, os.getpid(), first.pid)
        assert len(processes.matching("cmdline", str(tmp_path / "fleet" / "a" / "run" / "bootstrap.json"))) == 1


@pytest.mark.parametrize("torn", ["", '{"digest": ', "[]", '{"digest": 1}'])
async def test_a_torn_wish_is_mended_and_the_process_adopted(tmp_path: Path, binary: Path, torn: str) -> None:
    """Half a wish counts as none; wishing again adopts what runs instead of starting a second one."""
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False, binary=binary) as fleet:
        first = await fleet.ensure("a", bootstrap())
        (tmp_path / "fleet" / "a" / "wish.json").write_text(torn)
        assert await fleet.list() == []
        assert await fleet.ensure("a", bootstrap()) == first


async def test_one_that_never_answers_is_ended(tmp_path: Path, binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that does not open its socket in time is reported by name, stopped, and not desired."""
    monkeypatch.setattr(fleets, "START_WITHIN", 0.3)
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False, binary=binary) as fleet:
        with pytest.raises(FleetError, match="sidecar a did not open its admin socket within"):
            await fleet.ensure("a", bootstrap(listen=False))
        assert await fleet.list() == []
        assert processes.matching("cmdline", str(tmp_path / "fleet" / "a" / "run" / "bootstrap.json")) == []


async def test_a_held_lock_is_reported(tmp_path: Path, binary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While another worker holds a sidecar for too long, nothing is done to it and the error says so."""
    monkeypatch.setattr(fleets, "LOCK_WITHIN", 0.1)
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False, binary=binary) as fleet:
        with (tmp_path / "fleet" / ".a.lock").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            with pytest.raises(FleetError, match="sidecar a has been held by another worker"):
                await fleet.ensure("a", bootstrap())
        assert not (tmp_path / "fleet" / "a" / "run" / "bootstrap.json").exists()


async def test_secrets_go_to_the_sidecar_and_nowhere_else(
    tmp_path: Path, binary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only its owner reads or reaches anything in a sidecar's folder; of the worker's environment a sidecar
    gets what any program needs and no secret."""
    monkeypatch.setenv("MESHWRIGHT_SECRET", "hush")
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False, binary=binary) as fleet:
        running = await fleet.ensure("a", bootstrap())
        for path in (tmp_path / "fleet" / "a").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        for folder in (tmp_path / "fleet", tmp_path / "fleet" / "a"):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert running.pid is not None
        assert b"PATH=" in environment_of(running.pid)
        assert b"hush" not in environment_of(running.pid)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), max_size=30))
def test_pauses_grow_within_bounds_and_begin_again(lives: list[tuple[float, float]]) -> None:
    """Each crash soon after the last one doubles the pause up to its limit; a steady life makes it short again."""
    crashes, now, former = fleets._Crashes(), 0.0, 0.0
    for ran_for, later in lives:
        now += later
        crashes.note(now, ran_for)
        pause = crashes.not_before - now
        if ran_for >= fleets.STEADY_AFTER or not former:
            expected = fleets.BACKOFF_FIRST
        else:
            expected = min(fleets.BACKOFF_LAST, former * 2)
        assert pause == pytest.approx(expected)
        former = expected
