"""An HTTP endpoint for webhooks, in the test's own process or as one that can be killed.

Invariant: a call is recorded before it is answered, so every acknowledged call was received. As a process (`python
PROGRAM PORT FILE`) it records to a file that survives it.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

HOST = "127.0.0.1"
PROGRAM = Path(__file__).resolve()
"""what to start as a process"""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Header names are lower-case."""

    path: str
    headers: dict[str, str]
    body: str

    @property
    def event(self) -> dict[str, Any]:
        """The CloudEvent in it."""
        result: dict[str, Any] = msgspec.json.decode(self.body)
        return result

    @property
    def seq(self) -> int:
        """The event's sequence in EVENTS."""
        return int(self.event["sequence"])

    def signed_by(self, secret: str) -> bool:
        """Whether one of the signatures is by this secret, computed as the standard defines it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.{self.body}"
        wanted = "v1," + base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest()).decode()
        return wanted in self.headers["webhook-signature"].split(" ")


Answer = tuple[int, dict[str, str]]
"""Status and headers."""


class Receiver:
    """Records calls and answers them; set `answer` to answer otherwise, `hang` to answer never."""

    def __init__(self, port: int = 0, record: Callable[[Delivered], object] | None = None) -> None:
        self.port = port
        self.calls: list[Delivered] = []
        self._record = record or self.calls.append
        self.answer: Callable[[Delivered], Answer] = lambda call: (204, {})
        self.hang = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}/hook"

    def of(self, type: str) -> list[Delivered]:
        """The calls with events of a type, as in `pinged`."""
        return [call for call in self.calls if call.event["type"].split(".")[-2] == type]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until the other side closes it."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().strip().split("\r\n")
                headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                call = Delivered(path=first.split(" ")[1], headers=headers, body=body.decode())
                self._record(call)
                status, more = self.answer(call)
                if self.hang:
                    await reader.read()
                    return
                told = "".join(f"{name}: {value}\r\n" for name, value in more.items())
                writer.write(f"HTTP/1.1 {status} Said\r\n{told}Content-Length: 0\r\n\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def receiving(port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens while the block runs, with `tls` over HTTPS."""
    receiver = Receiver(port)
    server = await asyncio.start_server(receiver.serve, HOST, port, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        # Connections that were kept open end with their senders.


def recorded(file: Path) -> list[Delivered]:
    """The calls that a process has recorded; a line that a kill cut off was never answered."""
    if not file.exists():
        return []
    *lines, _ = file.read_bytes().split(b"\n")
    return [msgspec.json.decode(line, type=Delivered) for line in lines]


async def _run(port: int, file: Path) -> None:
    with file.open("ab", buffering=0) as sink:
        receiver = Receiver(port, lambda call: sink.write(msgspec.json.encode(call) + b"\n"))
        server = await asyncio.start_server(receiver.serve, HOST, port)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), Path(sys.argv[2])))
