"""HTTP requests to a port of a pod as if from within it, by the port forwarding of its node.

Problem: what a proxy or a control plane tells only to its own host (an Envoy's admin pages, istiod's debug pages) the
API server's proxy does not reach. Invariant: no port is opened on our host; a tunnel carries one request after another,
each bounded in time and size, and each ends with an answer or a KubernetesError.

The protocol (`v4.channel.k8s.io`): every message of the web socket begins with its channel, 0 for data and 1 for
errors, and the first on each channel names the port.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
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


class Tunnel:
    """A connection to one port of a pod, over which requests go one after another. Made by `PodPort.tunnel`."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, place: str) -> None:
        self._socket = socket
        self._place = place
        self._begun = set[int]()
        """the channels of which the first message, which names the port, was read"""

    async def get(self, path: str, query: Query | None = None, *, timeout: float = TIMEOUT) -> bytes:
        """What is answered to a GET. Raises NotFound, Unavailable when nothing listens there, KubernetesError."""
        return await self.request("GET", path, query, timeout=timeout)

    async def request(
        self, method: Literal["GET", "POST"], path: str, query: Query | None = None, *, timeout: float = TIMEOUT
    ) -> bytes:
        """What is answered to a request without content, which is sent once. Raises KubernetesError."""
        target = f"/{path.lstrip('/')}" + (f"?{urlencode(query)}" if query else "")
        what = f"{method} {self._place}{target}"
        lines = (f"{method} {target} HTTP/1.1", "Host: localhost", "Accept: */*", "", "")
        try:
            async with asyncio.timeout(timeout):
                return await self._exchanged("\r\n".join(lines).encode(), what)
        except TimeoutError as error:
            raise errors.Unreachable(f"{what}: no answer in time") from error
        except _LOST as error:
            raise errors.Unreachable(f"{what}: the tunnel broke: {error}") from error

    async def _exchanged(self, request: bytes, what: str) -> bytes:
        answer, failure = _Answer(), ""
        parser = httptools.HttpResponseParser(answer)
        with contextlib.suppress(ConnectionResetError):  # the node has ended the tunnel; its reason is read below
            await self._socket.send_bytes(bytes([_DATA]) + request)
        async for message in self._socket:
            if message.type is not aiohttp.WSMsgType.BINARY or not message.data:
                continue
            channel, content = message.data[0], self._content(message.data)
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

    def _content(self, data: bytes) -> bytes:
        """A message without its channel, and without the port that the first one on a channel names."""
        skipped = 1 if data[0] in self._begun else 3
        self._begun.add(data[0])
        return data[skipped:]


class PodPort(msgspec.Struct, frozen=True):
    """One port inside a pod."""

    cluster: Cluster
    namespace: str
    pod: str
    port: int

    @contextlib.asynccontextmanager
    async def tunnel(self, *, timeout: float = TIMEOUT) -> AsyncIterator[Tunnel]:
        """A tunnel for several requests, opened within `timeout` seconds. Raises KubernetesError."""
        place = f"/api/v1/namespaces/{quote(self.namespace, safe='')}/pods/{quote(self.pod, safe='')}/portforward"
        query = {"ports": str(self.port)}
        async with self.cluster.websocket(place, query=query, protocol=_PROTOCOL, timeout=timeout) as socket:
            yield Tunnel(socket, f"{self.namespace}/{self.pod}:{self.port}")

    async def get(self, path: str, query: Query | None = None, *, timeout: float = TIMEOUT) -> bytes:
        """What it answers to a GET. Raises NotFound, Unavailable when nothing listens there, KubernetesError."""
        return await self.request("GET", path, query, timeout=timeout)

    async def request(
        self, method: Literal["GET", "POST"], path: str, query: Query | None = None, *, timeout: float = TIMEOUT
    ) -> bytes:
        """What it answers to a request without content, which is sent once. `timeout` seconds are for the tunnel, and
        again for the answer. Raises KubernetesError.
        """
        async with self.tunnel(timeout=timeout) as tunnel:
            return await tunnel.request(method, path, query, timeout=timeout)


def rule(namespace: str = "", because: str = "") -> AccessRule:
    """The right that forwarding takes; newer servers ask for `create` where older ones ask for `get`."""
    return AccessRule(
        groups=[""], resources=["pods/portforward"], verbs=["get", "create"], namespace=namespace, because=because
    )
