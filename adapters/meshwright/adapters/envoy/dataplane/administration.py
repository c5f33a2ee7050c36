"""The client of a sidecar's admin interface, which is a socket in the folder where the sidecar runs.

Problem: a client of that interface can read its whole configuration and stop the sidecar, so it is not on a port. A
socket's path may have 107 bytes, and a checkout or a node id may be longer. Invariant: the path is never used in full:
Envoy runs in its folder and names it `./admin.sock`, this client uses the open folder's descriptor. Linux only (/proc).
"""

import contextlib
import os
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx

RUN = "run"
"""the working directory of a sidecar, in its folder: all that it can read or create"""
SOCKET = "admin.sock"
ADDRESS = {"pipe": {"path": f"./{SOCKET}", "mode": 0o600}}
"""the admin address of a bootstrap, for an Envoy that runs in its own folder"""

_NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # shared: creating one takes longer than a request


@contextlib.contextmanager
def reachable(folder: Path) -> Iterator[str]:
    """A short path to the admin socket of the sidecar in `folder`, valid in the block.

    Raises OSError when there is no such folder.
    """
    descriptor = os.open(folder / RUN, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}"
    finally:
        os.close(descriptor)


class Transport(httpx.AsyncBaseTransport):
    """Routes `http://<node id>/…` to the admin interface of that sidecar; a connection for each request."""

    def __init__(self, fleet: Path) -> None:
        self._fleet = fleet

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request to the sidecar. Raises httpx.ConnectError when it does not run."""
        folder = self._fleet / request.url.host
        try:
            with reachable(folder) as path:
                async with httpx.AsyncHTTPTransport(uds=path, verify=_NO_TLS) as socket:
                    answer = await socket.handle_async_request(request)
                    content = await answer.aread()
        except OSError as error:
            raise httpx.ConnectError(f"there is no sidecar in {folder}", request=request) from error
        return httpx.Response(answer.status_code, headers=answer.headers, content=content)
