"""A lean HTTP client for load: a few keep-alive connections, requests written as ready-made bytes.

A general client costs a millisecond of CPU per request and would measure itself.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from rig.stack.stack import TOKEN


class Lane:
    """One keep-alive connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Lane":
        """Connect to the API."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, body: bytes) -> tuple[int, bytes]:
        """Send one POST; the status and the body of its answer."""
        head = (
            f"POST {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        status = int(answer[9:12])
        length = next(int(line[15:]) for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        return status, await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


@asynccontextmanager
async def event_lines(port: int, query: str = "") -> AsyncIterator[asyncio.StreamReader]:
    """The API's event stream, past its headers, for the length of the block."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET /v1/events{query} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {TOKEN}\r\n"
        "accept: text/event-stream\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    try:
        yield reader
    finally:
        writer.close()


@contextmanager
def lanes_closed(lanes: list[Lane]) -> Iterator[None]:
    """Hang up all of them in the end."""
    try:
        yield
    finally:
        for lane in lanes:
            lane.close()
