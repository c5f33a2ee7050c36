"""HTTP requests to a port of a pod as if from within it, by the port forwarding of its node.

Problem: what a proxy or a control plane tells only to its own host (an Envoy's admin pages, istiod's debug pages) the
API server's proxy does not reach. Invariant: no port is opened on our host; each request has a tunnel of its own,
bounded in time and size, and ends with an answer or a KubernetesError.

The protocol (`v4.channel.k8s.io`): every message of the web socket begins with its channel, 0 for data and 1 for
errors, and the first on each channel names the port.
"""

import asyncio
import contextlib
from typing import Literal
from urllib.parse import quote, urlencode

import aiohttp
import httptools
import msgspec

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.transport import Query
from meshwright.schemas.adapters import AccessRule

TIMEOUT = 15.0
_PROTOCOL = "v4.channel.k8s.io"
_DATA, _ERROR = 0, 1
_LARGEST = 64 * 1024 * 1024
_LOST = (aiohttp.ClientError, OSError)


class _Answer:
    """What an HTTP parser tells."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.is_complete = False

    def on_body(self, part: bytes) -> None:
        """A part of the content."""
        self.body += part

    def on_message_complete(self) -> None:
        """All of it."""
        self.is_complete = True


class PodPort(msgspec.Struct, frozen=True):
    """One port inside a pod."""

    cluster: Cluster
    namespace: str
    pod: str
    port: int

    async def get(self, path: str, query: Query | None = None, *, timeout: float = TIMEOUT) -> bytes:
        """What it answers to a GET. Raises NotFound, Unavailable when nothing listens there, KubernetesError."""
        return await self.request("GET", path, query, timeout=timeout)

    async def request(
        self, method: Literal["GET", "POST"], path: str, query: Query | None = None, *, timeout: float = TIMEOUT
    ) -> bytes:
        """What it answers to a request without content, which is sent once. Raises KubernetesError."""
        target = f"/{path.lstrip('/')}" + (f"?{urlencode(query)}" if query else "")
        what = f"{method} {self.namespace}/{self.pod}:{self.port}{target}"
        lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Accept: */*", "Connection: close", "", "")
        place = f"/api/v1/namespaces/{quote(self.namespace, safe='')}/pods/{quote(self.pod, safe='')}/portforward"
        opened = self.cluster.websocket(place, query={"ports": str(self.port)}, protocol=_PROTOCOL, timeout=timeout)
        try:
            async with asyncio.timeout(timeout), opened as socket:
                return await _exchanged(socket, "\r\n".join(lines).encode(), what)
        except TimeoutError as error:
            raise errors.Unreachable(f"{what}: no answer in time") from error
        except _LOST as error:
            raise errors.Unreachable(f"{what}: the tunnel broke: {error}") from error


async def _exchanged(socket: aiohttp.ClientWebSocketResponse, request: bytes, what: str) -> bytes:
    answer, failure, begun = _Answer(), "", set[int]()
    parser = httptools.HttpResponseParser(answer)
    with contextlib.suppress(ConnectionResetError):  # the node has ended the tunnel already; its reason is read below
        await socket.send_bytes(bytes([_DATA]) + request)
    async for message in socket:
        if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
            continue
        channel, content = message.data[0], message.data[1:]
        if channel not in begun:
            begun.add(channel)
            content = content[2:]  # the port
        if channel == _ERROR:
            failure += content.decode(errors="replace")
        elif content:
            parser.feed_data(content)
        if answer.is_complete or failure or len(answer.body) > _LARGEST:
            break
    status = parser.get_status_code()
    if failure or not status:
        raise errors.Unavailable(f"{what}: {failure or 'nothing answers there'}")
    if len(answer.body) > _LARGEST:
        raise errors.Refused(f"{what}: the answer has more than {_LARGEST} bytes")
    if status >= 300:
        raise errors.from_response(status, bytes(answer.body), what)
    return bytes(answer.body)


def rule(namespace: str = "", because: str = "") -> AccessRule:
    """The right that forwarding takes; newer servers ask for `create` where older ones ask for `get`."""
    return AccessRule(
        groups=[""], resources=["pods/portforward"], verbs=["get", "create"], namespace=namespace, because=because
    )
