"""One TCP connection to an HTTP server, byte by byte, for what no well-behaved client would send.

Invariant: nothing is added to what a test sends, and an answer is read as the server framed it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

HOST = "127.0.0.1"


class Answer(msgspec.Struct, frozen=True):
    """What the server said. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        """The problem document; it must be one."""
        assert self.headers["content-type"] == "application/problem+json", self
        return msgspec.json.decode(self.body)

    @property
    def slug(self) -> str:
        """The kind of problem; its trace id must be the header's."""
        result = self.problem
        assert result["trace_id"] == self.headers["x-request-id"], self
        return str(result["type"].removeprefix("/problems/"))


class Wire:
    """An open connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        """Send bytes; a connection that the server has closed swallows them."""
        with contextlib.suppress(OSError):
            self.writer.write(data)
            await self.writer.drain()

    async def answer(self, timeout: float = 30.0) -> Answer | None:
        """The next answer with its body, or None when the connection ended instead."""
        try:
            async with asyncio.timeout(timeout):
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                lines = head.split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
                body = await self.reader.readexactly(int(headers.get("content-length", 0)))
                return Answer(int(lines[0].split()[1]), headers, body)
        except (asyncio.IncompleteReadError, OSError):
            return None

    async def ask(self, data: bytes, timeout: float = 30.0) -> Answer | None:
        """Send bytes and read the answer."""
        await self.send(data)
        return await self.answer(timeout)

    async def ends(self, timeout: float = 30.0) -> bool:
        """Whether the server closes the connection in time, without a further byte."""
        try:
            async with asyncio.timeout(timeout):
                return await self.reader.read(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """A connection for the length of the block."""
    result = Wire(*await asyncio.open_connection(HOST, port))
    try:
        yield result
    finally:
        result.close()


def request(target: str = "/healthz", *headers: str, method: str = "GET", body: bytes = b"") -> bytes:
    """A plain request, with the headers that it must have."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{method} {target} HTTP/1.1", "Host: mesh.test", *headers, *length, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
