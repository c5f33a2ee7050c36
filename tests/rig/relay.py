"""A connection to a real API server that a test can cut and restore.

Invariant: a cut connection breaks at once for both sides, and no new one is possible until it is restored.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import yaml

from meshwright.schemas.connections import Kubernetes


class Relay:
    """Passes bytes on between its own port and a server."""

    def __init__(self, host: str, port: int) -> None:
        self._to = host, port
        self._open: set[asyncio.StreamWriter] = set()
        self._is_cut = False
        self.port = 0
        self.passed = 0
        """bytes that clients have sent"""
        self.cut_after = 0
        """bytes from clients after which the wire is cut by itself; 0: never"""

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    def mend(self) -> None:
        """Let connections through again."""
        self._is_cut, self.cut_after = False, 0

    @property
    def is_cut(self) -> bool:
        """Whether connections are refused."""
        return self._is_cut

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self._is_cut:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection(*self._to)
        self._open |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pass(reader, far_writer, count=True))
                group.create_task(self._pass(far_reader, writer, count=False))
        finally:
            self._open -= {writer, far_writer}
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, count: bool) -> None:
        try:
            while part := await reader.read(65536):
                self.passed += len(part) if count else 0
                if count and self.cut_after and self.passed > self.cut_after:
                    self.cut()
                    return
                writer.write(part)
                await writer.drain()
        except OSError:
            pass
        writer.transport.abort()


@asynccontextmanager
async def relay(settings: Kubernetes) -> AsyncIterator[tuple[Relay, Kubernetes]]:
    """A wire to the cluster of these settings, and the settings of its near end."""
    document = yaml.safe_load(settings.kubeconfig)
    there = urlsplit(document["clusters"][0]["cluster"]["server"])
    assert there.hostname
    wire = Relay(there.hostname, there.port or 443)
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    for cluster in document["clusters"]:
        name = cluster["cluster"].get("tls-server-name") or there.hostname
        cluster["cluster"] |= {"server": f"https://127.0.0.1:{wire.port}", "tls-server-name": name}
    try:
        yield wire, Kubernetes(kubeconfig=yaml.safe_dump(document), context=settings.context)
    finally:
        wire.cut()
        server.close()
        await server.wait_closed()
