"""A TCP proxy between a program and its server, so that a test can disturb their connection.

Problem: killing a server closes its connections properly, while a broken network does not: bytes vanish or come late,
and neither end gets an error. Invariant: bytes that pass are never changed, reordered or skipped, and the port stays
the same for the proxy's whole life.
"""

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Self

from meshwright.core import ending
from meshwright.core.testing.servers import free_port

HOST = "127.0.0.1"
_CHUNK = 64 * 1024


class TcpProxy:
    """Forwards connections from `port` to a server.

    `async with TcpProxy(server.port) as proxy:`, point the program at `proxy.port`, and spoil what passes:

    - `black_hole()`: nothing passes in either direction, FINs neither; new connections are accepted and hear nothing
    - `half_open()`: the same for the connections that are open now; new ones are served
    - `refuse()`: open connections are reset, and new ones as soon as they are made
    - `cut()`: open connections are reset, new ones are served
    - `delay`: seconds that each chunk waits

    `heal()` ends black hole, refusal and delay; what the black hole held back then arrives late, as TCP's
    retransmissions would (`cut()` before it for connections whose bytes are lost for good). `sent` and `received`
    count the bytes that were passed on to the server and to its clients.
    """

    def __init__(self, upstream_port: int, upstream_host: str = HOST) -> None:
        self.port = free_port()
        self.delay = 0.0
        self.sent = 0
        self.received = 0
        self._upstream = (upstream_host, upstream_port)
        self._refusing = False
        self._holding = False
        self._links: dict[asyncio.Task[None], _Link] = {}
        self._server: asyncio.Server | None = None

    @property
    def connections(self) -> int:
        """How many connections are open, those in the black hole included."""
        return len(self._links)

    def black_hole(self) -> None:
        """Pass no more bytes, on any connection."""
        self._holding = True
        self.half_open()

    def half_open(self) -> None:
        """Silence from now on, for the connections that are open."""
        for link in self._links.values():
            link.passing.clear()

    def refuse(self) -> None:
        """No connection from now on."""
        self._refusing = True
        self.cut()

    def cut(self) -> None:
        """Reset what is open now."""
        for task, link in self._links.items():
            link.reset()
            task.cancel()

    def heal(self) -> None:
        """Everything passes again."""
        self._refusing = False
        self._holding = False
        self.delay = 0.0
        for link in self._links.values():
            link.passing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, HOST, self.port, limit=_CHUNK)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await ending.end(*self._links)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        link = self._links[task] = _Link(writer)
        if not self._holding:
            link.passing.set()
        try:
            # A cancellation comes from this class alone, and ends this connection and nothing else.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await self._relay(reader, link)
        finally:
            del self._links[task]
            link.close()

    async def _relay(self, reader: asyncio.StreamReader, link: "_Link") -> None:
        if self._refusing:
            link.reset()
            return
        await link.passing.wait()
        back, upstream = await asyncio.open_connection(*self._upstream, limit=_CHUNK)
        link.ends.append(upstream)
        there = asyncio.create_task(self._pass_on(reader, upstream, link.passing, to_server=True))
        home = asyncio.create_task(self._pass_on(back, link.ends[0], link.passing, to_server=False))
        try:
            # One direction may end long before the other; an error ends both.
            await asyncio.wait((there, home), return_when=asyncio.FIRST_EXCEPTION)
        finally:
            await ending.end(there, home)
            for one in (there, home):
                if not one.cancelled():
                    one.exception()  # looked at: a broken connection is this class's daily bread

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passing: asyncio.Event, *, to_server: bool
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await passing.wait()
            if to_server:
                self.sent += len(chunk)
            else:
                self.received += len(chunk)
            writer.write(chunk)
            await writer.drain()
        await passing.wait()
        writer.write_eof()


class _Link:
    """One connection: its two ends, the client's first, and whether bytes pass between them."""

    def __init__(self, client: asyncio.StreamWriter) -> None:
        self.ends = [client]
        self.passing = asyncio.Event()

    def close(self) -> None:
        """End it after what was written has been sent."""
        for end in self.ends:
            end.close()

    def reset(self) -> None:
        """End it at once: an RST, and what was not sent yet is dropped."""
        for end in self.ends:
            if not end.is_closing():
                connected = end.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()
