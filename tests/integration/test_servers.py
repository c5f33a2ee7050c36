"""The servers that every other test stands on: they start, die, and come back with what they acknowledged."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import nats
import psutil
import pytest
from motor import motor_asyncio

from meshwright.adapters.envoy.dataplane import program
from meshwright.core.machine import binaries
from meshwright.core.testing import fixtures, servers
from meshwright.core.testing.eventually import NeverHappenedError, eventually

pytestmark = pytest.mark.servers


async def _publish(url: str, subject: str) -> None:
    client = await nats.connect(url)
    try:
        stream = client.jetstream()
        await stream.add_stream(name="KEPT", subjects=["kept.>"])
        await stream.publish(subject, b"x")
    finally:
        await client.close()


async def _stored(url: str) -> int:
    client = await nats.connect(url)
    try:
        return (await client.jetstream().stream_info("KEPT")).state.messages
    finally:
        await client.close()


async def test_nats_keeps_acknowledged_messages_over_kill(nats_server: servers.NatsServer) -> None:
    """A killed nats-server comes back at once on the same address with every acknowledged message."""
    url = nats_server.url
    await _publish(url, "kept.a")
    await nats_server.kill()
    assert not nats_server.running
    await nats_server.start()
    await _publish(url, "kept.b")
    await nats_server.restart()
    assert await _stored(nats_server.url) == 2
    assert nats_server.url == url


async def test_each_test_has_a_nats_of_its_own(nats_server: servers.NatsServer) -> None:
    """Nothing that another test published is there."""
    client = await nats.connect(nats_server.url)
    assert await client.jetstream().streams_info() == []
    await client.close()


async def test_nats_takes_extra_configuration_and_monitoring() -> None:
    """Added configuration is in force, and monitoring answers when asked for."""
    async with servers.NatsServer(config='authorization { token: "t" }', monitoring=True) as server:
        client = await nats.connect(server.url, token="t")
        assert client.is_connected
        await client.close()
        assert server.monitoring_url.startswith("http://127.0.0.1:")
    assert not server.folder.exists()


async def test_bad_configuration_is_reported_with_the_servers_own_words() -> None:
    """A server that refuses its configuration raises with the end of its log, and leaves nothing."""
    server = servers.NatsServer(config="nonsense {")
    with pytest.raises(servers.ServerFailedError, match="Parse error on line 3"):
        await server.start()
    assert not server.running
    await server.close()
    assert not server.folder.exists()


async def _documents(url: str, *, add: int | None = None) -> list[int]:
    client: motor_asyncio.AsyncIOMotorClient[dict[str, int]] = motor_asyncio.AsyncIOMotorClient(
        url, w="majority", journal=True
    )
    try:
        kept = client["kept"]["kept"]
        if add is not None:
            await kept.insert_one({"_id": add})
        return sorted(document["_id"] for document in await kept.find().to_list(None))
    finally:
        client.close()


async def test_mongo_keeps_acknowledged_writes_over_kill() -> None:
    """A killed mongod comes back as a primary with what it acknowledged, and takes writes again."""
    async with servers.MongoServer() as server:
        await _documents(server.url, add=1)
        await server.kill()
        assert not server.running
        await server.start()
        assert await _documents(server.url, add=2) == [1, 2]
        await server.restart()
        assert await _documents(server.url) == [1, 2]
    assert not server.folder.exists()


async def test_mongo_database_is_fresh(mongo_database: fixtures.MongoDatabase) -> None:
    """Each test's database has a name of its own on the shared server."""
    assert mongo_database.name.startswith("test_")
    assert "replicaSet=rs0" in mongo_database.url


async def test_servers_do_not_outlive_a_killed_run(tmp_path: Path) -> None:
    """SIGKILL to the process that started a server ends the server too."""
    script = (
        "import asyncio, pathlib, sys, time\n"
        "from meshwright.core.testing import servers\n"
        "s = servers.NatsServer(pathlib.Path(sys.argv[1]))\n"
        "asyncio.run(s.start())\n"
        "print(s.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert run.stdout is not None
    async with asyncio.timeout(30):
        pid = int(await run.stdout.readline())
    assert psutil.pid_exists(pid)
    run.kill()
    await run.wait()
    await eventually(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie")


@pytest.mark.parametrize("binary", [binaries.NATS_SERVER, binaries.MONGOD, program.ENVOY], ids=lambda b: b.program)
def test_a_missing_binary_names_the_choices(binary: binaries.Binary) -> None:
    """A setting that names no program is refused with every way out: own server, docker, package."""
    with pytest.raises(binaries.BinaryMissingError) as caught:
        binaries.find(binary, {binary.setting: "/nowhere/at-all"})
    words = str(caught.value)
    assert "/nowhere/at-all" in words
    for choice in (binary.setting, binary.package, "docker", "own"):
        assert choice in words


def test_binaries_of_the_packages_run(envoy_binary: Path) -> None:
    """All three programs come with the `local` extra and are executable here."""
    for path in (binaries.nats_server(), binaries.mongod(), envoy_binary):
        assert os.access(path, os.X_OK)
        assert subprocess.run([path, "--version"], capture_output=True, timeout=30, check=False).returncode == 0


async def test_eventually_returns_what_it_waited_for() -> None:
    """The truthy value is handed back, from a plain or an async check, after failing looks."""
    answers = iter([0, None, 7])
    assert await eventually(lambda: next(answers), interval=0) == 7

    async def later() -> str:
        return "done"

    assert await eventually(later) == "done"


async def test_eventually_reports_what_it_saw_last() -> None:
    """After its time-out the error has the last value, or the last exception as its cause."""
    with pytest.raises(NeverHappenedError, match=r"last seen was the value 0"):
        await eventually(lambda: 0, timeout=0.05, interval=0.01)

    def refuses() -> bool:
        raise KeyError("not there")

    with pytest.raises(NeverHappenedError, match="KeyError: 'not there'") as caught:
        await eventually(refuses, timeout=0.05, interval=0.01)
    assert isinstance(caught.value.__cause__, KeyError)


async def test_eventually_bounds_a_look_that_hangs() -> None:
    """A check that never returns does not hold the test up."""
    with pytest.raises(NeverHappenedError, match="did not return"):
        await eventually(asyncio.Event().wait, timeout=0.05)
