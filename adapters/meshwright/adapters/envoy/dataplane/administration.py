"""Talking to a sidecar's admin interface, which is a socket in the folder where the sidecar works.

Problem: whoever reaches that interface can read its whole configuration and end the sidecar, so it is on no port.
A socket's path may have 107 bytes, and a checkout or a node id may be longer. Invariant: nobody names that path in
full: Envoy works in its folder and knows it as `./admin.sock`, we come by way of the open folder. Linux only (/proc).
"""

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx

RUN = "run"
"""where a sidecar works, in its folder: all that it can read or make"""
SOCKET = "admin.sock"
ADDRESS = {"pipe": {"path": f"./{SOCKET}", "mode": 0o600}}
"""the admin address of a bootstrap, for an Envoy that works in its own folder"""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # one for all: making one takes longer than a question


@contextlib.contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """A short path to the admin socket of the sidecar in `folder`, good while the block runs.

    Raises OSError when there is no such folder.
    """
    descriptor = os.open(folder / RUN, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


class Transport(httpx.AsyncBaseTransport):
    """Brings `http://<node id>/…` to the admin interface of that sidecar; a connection for each request."""

    def __init__(self, fleet: Path) -> None:
        self._fleet = fleet

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Ask the sidecar. Raises httpx.ConnectError when it is not there."""
        folder = self._fleet / request.url.host
        try:
            with reachable(folder) as path:
                async with httpx.AsyncHTTPTransport(uds=path, verify=_NO_TLS) as socket:
                    answer = await socket.handle_async_request(request)
                    content = await answer.aread()
        except OSError as error:
            raise httpx.ConnectError(f"there is no sidecar in {folder}", request=request) from error
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)
