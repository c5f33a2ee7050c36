"""Recorded processes: found again exactly, and never confused with another."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from meshwright.core.machine import ports, processes
from meshwright.core.testing.eventually import eventually

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]


@pytest.fixture
def sleeper(tmp_path: Path) -> processes.Record:
    """A process that does nothing."""
    return processes.spawn("sleeper", SLEEPER, log=tmp_path / "log", environment={"MARK": str(tmp_path)})


async def test_record_finds_its_process_again(tmp_path: Path, sleeper: processes.Record) -> None:
    """A record written to disk recognises the process that it was written for, and stop ends that one."""
    processes.write(tmp_path / "record.json", sleeper)
    read = processes.read(tmp_path / "record.json")
    assert read == sleeper
    assert processes.alive(sleeper)
    await processes.stop(sleeper)
    assert not processes.alive(sleeper)


async def test_recycled_pid_is_never_signalled(sleeper: processes.Record) -> None:
    """A record with another start time or boot is dead, and stopping it signals no process."""
    for stranger in (
        msgspec.structs.replace(sleeper, start_ticks=sleeper.start_ticks - 1),
        msgspec.structs.replace(sleeper, boot="another"),
    ):
        assert not processes.alive(stranger)
        assert await processes.stop(stranger)
        assert processes.alive(sleeper)
    await processes.stop(sleeper)


async def test_stubborn_process_is_killed(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is gone after the grace, and stop says that it did not go by itself."""
    code = "import signal,time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    log = tmp_path / "log"
    record = processes.spawn("stubborn", [sys.executable, "-c", code], log=log, environment={})
    await eventually(lambda: log.read_text())
    assert not await processes.stop(record, grace=0.1)
    assert not processes.alive(record)


async def test_found_by_whole_environment_entry(tmp_path: Path, sleeper: processes.Record) -> None:
    """A marked process is found by its marker, and by nothing that merely contains it."""
    hits = await eventually(lambda: processes.matching("environ", f"MARK={tmp_path}"))
    assert [hit.pid for hit in hits] == [sleeper.pid]
    assert processes.matching("environ", f"MARK={str(tmp_path)[:-1]}") == []
    await processes.stop(sleeper)


def test_torn_record_counts_as_none(tmp_path: Path) -> None:
    """Half a record is no record."""
    (tmp_path / "record.json").write_text('{"name": "x", "pi')
    assert processes.read(tmp_path / "record.json") is None


def test_zombie_is_dead() -> None:
    """A process that ended but was not waited for does not count as running."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    ticks = processes.start_ticks(os.getpid())
    assert ticks is not None
    child.wait()
    assert processes.start_ticks(child.pid) is None


def test_trim_keeps_the_end_of_a_log(tmp_path: Path) -> None:
    """A log above its limit moves aside and starts again, and its newest lines are kept."""
    log = tmp_path / "log"
    log.write_text("old\n" * 100 + "newest\n")
    assert processes.trim(log, limit=50)
    assert log.read_text() == ""
    assert (tmp_path / "log.1").read_text().endswith("newest\n")
    assert not processes.trim(log, limit=50)


def test_secret_file_is_never_open_to_others(tmp_path: Path) -> None:
    """A file replaced in one step has its mode from the first byte, also over a half that a killed process left."""
    half = tmp_path / f".secret.{os.getpid()}"
    half.write_text("left")
    half.chmod(0o644)
    processes.replace(tmp_path / "secret", b"x")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert not half.exists()


def test_ports_are_distinct_and_free() -> None:
    """Chosen ports are bindable, different, and leave out what is taken."""
    first = ports.choose_many(3, 23_000)
    assert len(set(first)) == 3
    assert ports.choose(first[0], taken=first) not in first
    assert all(ports.bindable(port) for port in first)
