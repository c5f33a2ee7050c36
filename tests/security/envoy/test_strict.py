"""A service becomes strict while plain-text and mutual TLS callers send requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from meshwright.adapters.envoy.dataplane import administration
from meshwright.schemas.intents import AccessLog, AnyIntent, MutualTls

pytestmark = pytest.mark.servers


def mode(name: Any) -> AnyIntent:
    """The mode of `ratings`."""
    return MutualTls(mode=name, service="ratings")


class Plain:
    """A caller without TLS that keeps its connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, envoy_mesh: Any) -> AsyncIterator["Plain"]:
        """A connection to the sidecar of `ratings`."""
        port = envoy_mesh.plane.state("default", "demo").workloads["ratings-v1"].ports.inbound
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def ask(self, path: str = "/") -> bytes:
        """The response, headers and body; empty when the connection is closed."""
        try:
            self._writer.write(f"GET {path} HTTP/1.1\r\nhost: ratings\r\n\r\n".encode())
            await self._writer.drain()
            async with asyncio.timeout(30):
                head = await self._reader.readuntil(b"\r\n\r\n")
                return head + await self._reader.readexactly(int(head.lower().split(b"content-length: ")[1].split()[0]))
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""


async def test_strict_has_succeeded_when_nothing_plain_is_served(envoy_mesh: Any) -> None:
    """Connections that were open in plain get no answer once `strict` has succeeded, idle or busy ones, and no new
    one does; permissive again, plain callers are served; no call over mutual TLS fails meanwhile."""
    failures: list[str] = []
    done = asyncio.Event()

    async def call() -> None:
        while not done.is_set():
            answer = await envoy_mesh.get("ratings")
            if answer.status_code != 200:
                failures.append(f"{answer.status_code} {answer.text}")

    await envoy_mesh.apply(mode("permissive"))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            tasks.create_task(call())
        try:
            for _ in range(2):
                async with Plain.open(envoy_mesh) as idle, Plain.open(envoy_mesh) as busy:
                    assert (await idle.ask()).endswith(b"ratings-v1")
                    streaming = tasks.create_task(busy.ask("/endless"))
                    await envoy_mesh.apply(mode("strict"))
                    assert (await idle.ask(), await streaming) == (b"", b"")
                async with Plain.open(envoy_mesh) as late:
                    assert await late.ask() == b""
                await envoy_mesh.apply(mode("permissive"))
                async with Plain.open(envoy_mesh) as welcome:
                    assert (await welcome.ask()).endswith(b"ratings-v1")
        finally:
            done.set()
    assert failures == []


async def test_neither_mode_nor_log_drains_what_is_encrypted(envoy_mesh: Any) -> None:
    """Modes change a part of the listener in place, and other policies change no listener at all: long streams of
    members live on."""
    node = "default.demo.ratings-v1"
    async with httpx.AsyncClient(transport=administration.Transport(envoy_mesh.plane.fleet.directory)) as admin:

        async def counted(name: str) -> int:
            text = (await admin.get(f"http://{node}/stats?filter=^{name}$")).text
            return int(text.partition(": ")[2] or 0)

        before = await counted("listener_manager.listener_modified")
        await envoy_mesh.apply(mode("permissive"))
        await envoy_mesh.apply(mode("strict"))
        await envoy_mesh.apply(AccessLog(service="ratings"), name="log")
        assert await counted("listener_manager.listener_in_place_updated") == 2
        assert await counted("listener_manager.listener_modified") - before == 2
        assert await counted("listener_manager.total_listeners_draining") == 0
