"""A small HTTP/1.1 server for use behind a sidecar.

Problem: ten workloads in one process must be very cheap. Invariant: a request has at most 64 KiB and is answered with
JSON; anything else closes its connection and affects no other.
"""

import asyncio
import contextlib
import http
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import httptools
import msgspec

from meshwright.schemas.base import Model

REQUEST_LIMIT = 64 * 1024
IDLE = 3700.0  # seconds; longer than Envoy keeps an idle connection, so that Envoy closes it


class Request(Model, frozen=True, kw_only=True):
    """One request; header names are lower-case."""

    path: str
    headers: Mapping[str, str]


Answer: TypeAlias = tuple[int, dict[str, Any]]
Handler: TypeAlias = Callable[[Request], Awaitable[Answer]]


class _Parsing:
    """Collects one request from httptools' callbacks."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[str, str] = {}
        self.done = False

    def on_message_begin(self) -> None:
        self.url, self.headers, self.done = b"", {}, False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_message_complete(self) -> None:
        self.done = True


async def serve(port: int, handler: Handler) -> None:
    """Answer on loopback until cancelled, then close every connection.

    Raises OSError when the port is taken.
    """
    connections: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        try:
            await _serve_connection(reader, writer, handler)
        except (OSError, TimeoutError, httptools.HttpParserError):
            pass
        finally:
            connections.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    try:
        async with server:
            await server.serve_forever()
    finally:
        for task in connections:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.gather(*connections, return_exceptions=True)


async def _serve_connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler) -> None:
    parsing = _Parsing()
    parser = httptools.HttpRequestParser(parsing)
    while True:
        size = 0
        while not parsing.done:
            async with asyncio.timeout(IDLE):
                chunk = await reader.read(16_384)
            size += len(chunk)
            if not chunk or size > REQUEST_LIMIT:
                return
            parser.feed_data(chunk)
        parsing.done = False
        path = httptools.parse_url(parsing.url).path.decode("latin-1")
        status, body = await handler(Request(path=path, headers=parsing.headers))
        writer.write(_encode(status, body, parser.should_keep_alive()))
        await writer.drain()
        if not parser.should_keep_alive():
            return


def _encode(status: int, body: dict[str, Any], keep: bool) -> bytes:
    content = msgspec.json.format(msgspec.json.encode(body), indent=2) + b"\n"
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\nconnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    )
    return head.encode() + content
