"""The fleet keeps real Envoys running, adopts them, and leaves nothing behind."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.dataplane.fleet import Fleet, FleetError
from meshwright.core.machine import processes
from meshwright.core.testing.eventually import eventually

pytestmark = pytest.mark.servers


def bootstrap(marker: str = "one") -> dict[str, Any]:
    """The least that Envoy starts with."""
    return {"node": {"id": marker, "cluster": "test"}, "admin": {"address": administration.ADDRESS}}


@pytest.fixture
async def directory(tmp_path: Path) -> AsyncIterator[Path]:
    """A fleet's directory, emptied of processes afterwards whatever the test did."""
    yield tmp_path / "fleet"
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False):
        pass


async def node_answering(directory: Path, sidecar: str = "a") -> str:
    """Whose configuration the sidecar of that name runs."""
    async with httpx.AsyncClient(transport=administration.Transport(directory)) as client:
        info = (await client.get(f"http://{sidecar}/server_info")).json()
    return str(info["node"]["id"])


async def test_sidecar_survives_its_worker_and_is_adopted(directory: Path) -> None:
    """A kept sidecar goes on running, and the next worker adopts it with the same pid."""
    async with Fleet.open(directory, keep_on_exit=True) as fleet:
        first = await fleet.ensure("a", bootstrap())
    assert await node_answering(directory) == "one"
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        assert await fleet.ensure("a", bootstrap()) == first
    assert first.pid is not None
    assert processes.start_ticks(first.pid) is None


WORKER = """
import asyncio, json, sys
from pathlib import Path
from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.dataplane.fleet import Fleet

async def work():
    async with Fleet.open(Path(sys.argv[1]), keep_on_exit=sys.argv[3] == "keep") as fleet:
        await fleet.ensure("a", json.loads(sys.argv[2]))
        print("up", flush=True)
        await asyncio.sleep(600)

asyncio.run(work())
"""


async def killed_worker(directory: Path, mode: str) -> processes.Record:
    """Its sidecar, after a worker of another process started it and was killed by SIGKILL."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-c", WORKER, str(directory), json.dumps(bootstrap()), mode),
        stdout=asyncio.subprocess.PIPE,
    )
    assert worker.stdout is not None
    async with asyncio.timeout(20):
        assert await worker.stdout.readline() == b"up\n"
    record = processes.read(directory / "a" / "record.json")
    assert record is not None
    worker.kill()
    await worker.wait()
    return record


async def test_kept_sidecar_survives_the_kill_of_its_worker(directory: Path) -> None:
    """A killed worker takes no kept sidecar along, though Envoy asks the kernel to end with its parent."""
    record = await killed_worker(directory, "keep")
    assert await node_answering(directory) == "one"
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        assert (await fleet.ensure("a", bootstrap())).pid == record.pid


async def test_other_sidecar_ends_with_its_worker(directory: Path) -> None:
    """A sidecar that is not to be kept is gone even when its worker was killed."""
    record = await killed_worker(directory, "end")
    await eventually(lambda: not processes.alive(record))


async def test_changed_bootstrap_replaces_the_process(directory: Path) -> None:
    """Another bootstrap means another process, at the same place, running that bootstrap."""
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        first = await fleet.ensure("a", bootstrap())
        second = await fleet.ensure("a", bootstrap("two"))
        assert second.pid != first.pid
        assert await node_answering(directory) == "two"
        assert [one.pid for one in await fleet.list()] == [second.pid]


async def test_crashed_sidecar_comes_back(directory: Path) -> None:
    """A killed Envoy is restarted automatically, and the crash is counted."""
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        first = await fleet.ensure("a", bootstrap())
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)

        async def back() -> bool:
            (now,) = await fleet.list()
            return now.pid not in (None, first.pid) and await node_answering(directory) == "one"

        await eventually(back)
        assert (await fleet.list())[0].restarts == 1


async def test_next_worker_restarts_what_died_meanwhile(directory: Path) -> None:
    """A sidecar that died while no worker ran is started by the next one."""
    async with Fleet.open(directory, keep_on_exit=True) as fleet:
        first = await fleet.ensure("a", bootstrap())
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)
    async with Fleet.open(directory, keep_on_exit=False):
        assert await eventually(lambda: node_answering(directory)) == "one"


async def test_two_workers_on_one_directory_run_one_process(directory: Path) -> None:
    """Two workers that both want a sidecar, and both see it crash, still run it once."""
    async with (
        Fleet.open(directory, keep_on_exit=False) as one,
        Fleet.open(directory, keep_on_exit=True) as two,
    ):
        first = await one.ensure("a", bootstrap())
        assert (await two.ensure("a", bootstrap())).pid == first.pid
        assert first.pid is not None
        os.kill(first.pid, signal.SIGKILL)
        await eventually(lambda: node_answering(directory))
        running = processes.matching("cmdline", str(directory / "a" / "run" / "bootstrap.json"))
        assert len(running) == 1


async def test_removed_sidecar_leaves_nothing(directory: Path) -> None:
    """After remove there is no process and no folder, and removing again is harmless."""
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        running = await fleet.ensure("a", bootstrap())
        await fleet.remove("a")
        await fleet.remove("a")
        assert await fleet.list() == []
        assert not (directory / "a").exists()
        assert running.pid is not None
        assert processes.start_ticks(running.pid) is None


async def test_unrecorded_sidecar_is_found_and_replaced(directory: Path) -> None:
    """An Envoy whose worker was killed before it wrote the record does not block the next one."""
    async with Fleet.open(directory, keep_on_exit=True) as fleet:
        first = await fleet.ensure("a", bootstrap())
    (directory / "a" / "record.json").unlink()
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        second = await fleet.ensure("a", bootstrap())
        assert second.pid not in (None, first.pid)
        assert await node_answering(directory) == "one"


async def test_refused_bootstrap_is_reported_in_envoys_words(directory: Path) -> None:
    """A bootstrap that Envoy refuses raises with Envoy's own words and is not tried again."""
    broken = bootstrap() | {"no_such_field": True}
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        with pytest.raises(FleetError, match="no_such_field"):
            await fleet.ensure("a", broken)
        assert await fleet.list() == []


@pytest.mark.parametrize("bad", ["", "../a", ".a", "a/b", "a\0b", "x" * 300])
async def test_node_id_cannot_leave_the_directory(directory: Path, bad: str) -> None:
    """A node id that would name a path elsewhere is refused, and removing it touches nothing."""
    async with Fleet.open(directory, keep_on_exit=False) as fleet:
        with pytest.raises(FleetError, match="not a node id"):
            await fleet.ensure(bad, bootstrap())
        await fleet.remove(bad)
