"""`/metrics` of a process that has no other HTTP server.

Invariant: nothing listens unless an address is set; a client gets the numbers and nothing else, within a bounded time
and from a bounded number of connections, so a scraper that hangs costs the process nothing.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from meshwright.core.telemetry import exporting, process
from meshwright.core.telemetry.metrics import MEDIA_TYPE, Registry

log = logging.getLogger(__name__)
_PATIENCE_S = 5.0
_CONNECTIONS = 8
_LARGEST = 8192
"""bytes of a request"""


@asynccontextmanager
async def observed(service: str, version: str, registry: Registry, listen: str = "") -> AsyncIterator[None]:
    """Export this process's spans and numbers as the environment says, and serve the numbers at `listen`.

    An address that cannot be used is an error in the log: nobody stops working because nobody can watch.
    """
    with exporting.exporting(service, version, registry):
        async with AsyncExitStack() as stack:
            if listen:
                try:
                    await stack.enter_async_context(serving(listen, registry))
                except (OSError, OverflowError) as error:
                    log.error("metrics cannot be served at %s: %s", listen, error)
            yield


@asynccontextmanager
async def serving(listen: str, registry: Registry) -> AsyncIterator[int]:
    """Serve the numbers at host:port; the port is what is entered. Raises OSError when it cannot be used."""
    host, _, port = listen.rpartition(":")
    places = asyncio.Semaphore(_CONNECTIONS)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if not places.locked():
                async with places, asyncio.timeout(_PATIENCE_S):
                    writer.write(_response(await _request(reader), registry))
                    await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # it asks again
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    await writer.wait_closed()

    server = await asyncio.start_server(answer, host.strip("[]"), int(port), limit=_LARGEST)
    async with server:
        chosen = int(server.sockets[0].getsockname()[1])
        log.info("metrics are served at http://%s:%d/metrics", host, chosen)
        yield chosen


async def _request(reader: asyncio.StreamReader) -> tuple[str, str]:
    """The method and the path of a request."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    return method, rest.partition(" ")[0].partition("?")[0]


def _response(request: tuple[str, str], registry: Registry) -> bytes:
    method, path = request
    if path != "/metrics":
        return _whole("404 Not Found", "only /metrics is here\n")
    if method not in ("GET", "HEAD"):
        return _whole("405 Method Not Allowed", "only GET\n")
    return _whole("200 OK", registry.text() + process.text(), MEDIA_TYPE, body=method == "GET")


def _whole(status: str, text: str, media_type: str = "text/plain; charset=utf-8", *, body: bool = True) -> bytes:
    content = text.encode()
    fields = [
        f"HTTP/1.1 {status}",
        f"Content-Type: {media_type}",
        f"Content-Length: {len(content)}",
        "Connection: close",
    ]
    return "\r\n".join([*fields, "", ""]).encode() + (content if body else b"")
