"""HTTP as bytes: what no well-behaved client would send, and what comes back.

Invariant: every byte of the request is the caller's; an answer is read to its end, save an event stream's.
"""

import asyncio
import contextlib
from collections.abc import Iterable

import msgspec

Pair = tuple[str, str]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer; header names in lower case. `status` 0: the connection was closed without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def media_type(self) -> str:
        """What the body is."""
        return self.headers.get("content-type", "")


async def ask(
    port: int, method: str, target: str, headers: Iterable[Pair] = (), body: bytes = b"", timeout: float = 20
) -> Answer:
    """One request on a connection of its own, the target as it is given."""
    lines = [f"{method} {target} HTTP/1.1", "Host: localhost", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    return await send(port, head + body, timeout=timeout)


async def send(port: int, request: bytes, timeout: float = 20) -> Answer:
    """These bytes, and the answer. Raises TimeoutError when none has come to its end in that many seconds."""
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        try:
            with contextlib.suppress(ConnectionError):  # it may be refused before the end
                writer.write(request)
                await writer.drain()
            return await _answer(reader)
        finally:
            writer.close()


async def _answer(reader: asyncio.StreamReader) -> Answer:
    try:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(status=0, headers={}, body=b"")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split(" ")[1])
    body = b""
    if status == 100:
        return await _answer(reader)
    if headers.get("content-type", "").startswith("text/event-stream"):  # which has no end
        return Answer(status=status, headers=headers, body=body)
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        length = headers.get("content-length")
        body = await (reader.read(-1) if length is None else reader.readexactly(int(length)))
    return Answer(status=status, headers=headers, body=body)
