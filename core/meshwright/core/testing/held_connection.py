"""A relay between a worker and its nats-server that holds back all messages from one event of an operation on.

Problem: a worker that is killed after a test has seen an event may be far beyond it, so the kill proves nothing.
Invariant: nothing that the worker publishes after the chosen event reaches the server, so while it is held back the
operation is exactly there: the event is stored and its worker has no ack, or it is not stored and never will be.
"""

import asyncio
import contextlib
from collections.abc import Collection
from types import TracebackType
from typing import Self

from meshwright.core import ending

_HOST = "127.0.0.1"
_CHUNK = 64 * 1024


class HeldConnection:
    """Use as `async with HeldConnection(server.port) as held:`; workers connect to `held.port`.

    At first everything passes.
    """

    def __init__(self, server_port: int) -> None:
        self.port = 0
        self._upstream = server_port
        self._types: Collection[str] = ()
        self._is_stored = False
        self._reached: asyncio.Future[str] | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def hold_at(self, types: Collection[str], *, stored: bool) -> None:
        """Hold everything back from the next event of an operation on that has one of these wire types.

        With `stored` the event itself passes, and its ack is held back.
        """
        self._types, self._is_stored = types, stored
        self._reached = asyncio.get_running_loop().create_future()

    async def reached(self, timeout: float) -> str:
        """The wire type of the event from which on everything is held back.

        Raises TimeoutError after `timeout` seconds.
        """
        assert self._reached is not None, "hold_at first"
        async with asyncio.timeout(timeout):
            return await asyncio.shield(self._reached)

    def open(self) -> None:
        """Release everything in its order."""
        self._types = ()
        self._open.set()

    async def drop(self) -> None:
        """Drop what was held back, as a network does when the worker is gone, and stop holding."""
        await ending.end(*self._links)
        self.open()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, _HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self.drop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                back, upstream = await asyncio.open_connection(_HOST, self._upstream)
                with contextlib.closing(upstream):
                    await self._relay(reader, writer, back, upstream)
        finally:
            self._links.discard(task)
            writer.close()

    async def _relay(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        back: asyncio.StreamReader,
        upstream: asyncio.StreamWriter,
    ) -> None:
        there = asyncio.ensure_future(self._to_server(reader, upstream))
        home = asyncio.ensure_future(self._to_worker(back, writer))
        try:
            await asyncio.wait((there, home), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await ending.end(there, home)
            await asyncio.gather(there, home, return_exceptions=True)  # a killed worker resets its connection

    async def _to_worker(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(_CHUNK):
            await self._open.wait()
            writer.write(chunk)
            await writer.drain()

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            message = line + await _rest(reader, line)
            await self._open.wait()
            reached = self._of_interest(line, message)
            if reached and not self._is_stored:
                self._hold(reached)
                await self._open.wait()
            elif reached:
                self._open.clear()  # before it is sent: its ack must not pass
            writer.write(message)
            await writer.drain()
            if reached and self._is_stored:
                self._hold(reached)

    def _hold(self, type_name: str) -> None:
        self._open.clear()
        self._types = ()
        if self._reached and not self._reached.done():
            self._reached.set_result(type_name)

    def _of_interest(self, line: bytes, message: bytes) -> str:
        """The chosen type that an event of an operation has, or an empty string."""
        if not line.startswith(b"HPUB mw.evt.") or b".operation." not in line:
            return ""
        return next((name for name in self._types if b"ce-type: %s\r\n" % name.encode() in message), "")


async def _rest(reader: asyncio.StreamReader, line: bytes) -> bytes:
    """The rest of a command of the NATS client protocol: PUB and HPUB have the size of their payload at the end of the
    line.
    """
    words = line.split()
    return await reader.readexactly(int(words[-1]) + 2) if words[0] in (b"PUB", b"HPUB") else b""
