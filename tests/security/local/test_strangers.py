"""Other processes on the ports of a local stack: they get no secret, none of their answers is used, and they are
not stopped.
"""

import asyncio
import io
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest

from meshwright.core.machine import listeners, processes
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import free_port
from meshwright.workers.local import enrolling, parts, starting
from meshwright.workers.local.home import Home, LocalError, Plan
from meshwright.workers.local.output import Output
from meshwright.workers.local.parts import Part
from meshwright.workers.local.running import LocalStack, PortTaken

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
LISTENS = "import socket, sys, time; one = socket.create_server(('127.0.0.1', int(sys.argv[1]))); time.sleep(600)"
SLEEPS = [sys.executable, "-c", "import time; time.sleep(600)"]


class Stranger:
    """A server that answers every request like a part of the stack, and records what it received."""

    def __init__(self, greeting: bytes = b"") -> None:
        self.heard = b""
        self._greeting = greeting

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Greet, then answer each request with an empty list."""
        writer.write(self._greeting)
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{"items":[]}')
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[LocalStack]:
    """An empty stack, stopped afterwards."""
    home = Home(tmp_path / "home")
    home.prepare()
    yield (stack := LocalStack(home, Output(io.StringIO())))
    await stack.stop()
    home.wipe()


async def _never() -> bool:
    raise AssertionError("a stranger was asked whether it is ready")


async def test_a_stranger_at_the_port_is_not_taken_for_the_part(stack: LocalStack) -> None:
    """A part whose port is in use is not started, and the process there gets no request."""
    stranger, port = Stranger(), free_port()
    part = Part(name="api", command=[sys.executable, "-c", LISTENS, str(port)], ready=_never, port=port)
    async with await asyncio.start_server(stranger.serve, "127.0.0.1", port):
        with pytest.raises(PortTaken, match=rf"{port}, which .* \(pid {os.getpid()}\) holds"):
            await stack.start(part)
    assert stack.running() == {}
    assert stranger.heard == b""


async def test_a_stranger_who_comes_first_while_the_part_starts_is_noticed(stack: LocalStack) -> None:
    """A port that is free when the part is started, and taken when it would listen, is detected."""
    stranger, port = Stranger(), free_port()
    part = Part(name="api", command=SLEEPS, ready=_never, port=port)
    starts = asyncio.create_task(stack.start(part))
    await eventually(lambda: "api" in stack.running())
    async with await asyncio.start_server(stranger.serve, "127.0.0.1", port):
        with pytest.raises(PortTaken):
            await starts
    assert stranger.heard == b""


async def test_the_admin_token_is_sent_to_nobody_but_the_api_that_was_started(stack: LocalStack) -> None:
    """Requests that carry it are not even connected when another process holds the API's port."""
    stranger, port = Stranger(), free_port()
    await stack.start(Part(name="api", command=SLEEPS, ready=None))
    transport = starting.ToOurApi(stack.home, port)
    headers = {"Authorization": "Bearer the admin token"}
    async with (
        await asyncio.start_server(stranger.serve, "127.0.0.1", port),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, transport=transport) as client,
    ):
        with pytest.raises(httpx.ConnectError):
            await client.get("/v1/meshes")

        def ended() -> None:
            raise LocalError("api exited by itself")

        with pytest.raises(LocalError, match="exited by itself"):
            await enrolling.Enrolling(client, stack.output, ended).mesh()
        assert stranger.heard == b""
        # Beside it: when the listener is the recorded process, it gets what it needs.
        processes.write(stack.home.record("api"), processes.here("api"))
        try:
            await client.get("/v1/meshes")
        finally:
            stack.home.record("api").unlink()  # else the end of the stack would be the end of this process
        assert b"the admin token" in stranger.heard


async def _types(home: Home, *words: str) -> tuple[int, str]:
    environment = {**os.environ, "MESHWRIGHT_HOME": str(home.directory)}
    command = await asyncio.create_subprocess_exec(
        parts.console("meshwright-local"),
        *words,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(200):
        output, _ = await command.communicate()
    assert command.returncode is not None
    return command.returncode, output.decode()


async def _who(home: Home, token: str) -> int:
    async with httpx.AsyncClient(trust_env=False) as client:
        url = home.api_url_file.read_text().strip()
        return (await client.get(f"{url}/v1/whoami", headers={"Authorization": f"Bearer {token}"})).status_code


async def test_two_checkouts_at_once_beside_strangers(tmp_path: Path) -> None:
    """Two stacks that start at the same moment, one of them twice, run side by side, whichever processes hold wanted
    ports.

    Each part holds its own port, no port is shared, neither API accepts the other's token, and processes on the ports
    that one of them had chosen before received nothing.
    """
    homes, stranger = [Home(tmp_path / "a"), Home(tmp_path / "b")], Stranger(b"INFO {}\r\n")
    homes[0].prepare()
    wished = homes[0].choose_ports(["front"], [])
    try:
        async with AsyncExitStack() as strangers:
            for port in (wished.nats, wished.mongodb, wished.api, wished.shop["front"]):
                await strangers.enter_async_context(await asyncio.start_server(stranger.serve, "127.0.0.1", port))
            done = await asyncio.gather(*(_types(home, "up") for home in (homes[0], homes[0], homes[1])))
            assert [code for code, _ in done] == [0, 0, 0], done
            assert sum("joined" in text for _, text in done[:2]) == 1, done
            assert stranger.heard == b""
            first, second = (home.ports() for home in homes)
            assert first is not None
            assert second is not None
            assert not first.all() & second.all()
            assert not first.all() & wished.all() & {wished.nats, wished.mongodb, wished.api, wished.shop["front"]}
            for home, chosen in zip(homes, (first, second), strict=True):
                lives = LocalStack(home, Output(io.StringIO())).running()
                for name, held in parts.expected(chosen, Plan()).items():
                    assert all(listeners.holds(lives[name], port) for port in held), name
            tokens = [home.token_file.read_text().strip() for home in homes]
            answers = [await _who(home, token) for home in homes for token in tokens]
            assert answers == [200, 401, 401, 200]
            code, text = await _types(homes[1], "status")
            assert (code, "Everything is running." in text) == (0, True), text
    finally:
        for home in homes:
            await _types(home, "down", "--wipe")
            assert processes.matching("environ", home.marker) == []
