"""Requests to one API server: bounded in number, size and time, tried again where that is safe.

Problem: API servers throttle, restart and vanish, and a connection may be dead without anybody being told. Invariant:
every request ends within its time-out, with an answer or a KubernetesError; it is sent again only when the server has
not acted on it (429) or when doing it twice is the same as doing it once; no more than a bounded part of a stream is
held in memory.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.loading import Access

TIMEOUT = 30.0
"""seconds for a request with all its tries"""
IDLE = 120.0
"""seconds after which a stream that says nothing counts as dead; bookmarks come about every minute"""
_AT_ONCE = 24
_CONNECT = 10.0
_SILENT = 25.0
"""seconds without a byte of an answer after which another try is worth it, unless the caller has more time"""
_RECONNECT = 4.0
"""seconds for which a lost connection is tried again"""
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 5.0
_LARGEST = 256 * 1024 * 1024
_LONGEST_LINE = 16 * 1024 * 1024
JSON = "application/json"
Query = Mapping[str, str]
_LOST = (aiohttp.ClientError, TimeoutError, OSError)
_CLOSED = (AssertionError, RuntimeError)
"""what a session that is closed under a request raises"""


class Reply(msgspec.Struct, frozen=True):
    """What a server answered, and as which type."""

    body: bytes
    content_type: str = JSON


class Transport:
    """One session with one API server."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._slots = asyncio.Semaphore(_AT_ONCE)

    @property
    def server(self) -> str:
        """The address of the API server."""
        return self._access.server

    async def close(self) -> None:
        """End all connections; what runs on them raises Closed."""
        await self._access.session.close()

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        accept: str = JSON,
        timeout: float = TIMEOUT,
        idempotent: bool | None = None,
    ) -> Reply:
        """The answer to one request. Raises KubernetesError.

        What is idempotent, by default all but POST, is tried again after a server error and, for some seconds, after a
        lost connection: longer outages are the caller's to tell and to wait for.
        """
        if idempotent is None:
            idempotent = method != "POST"
        headers = {"Accept": accept} | ({"Content-Type": content_type} if body is not None else {})
        loop = asyncio.get_running_loop()
        end, lost_until, pause = loop.time() + timeout, 0.0, _FIRST_PAUSE
        while True:
            try:
                return await self._once(method, path, query, body, headers, end, max(_SILENT, timeout / 2))
            except errors.Away as error:
                may = idempotent or isinstance(error, errors.TooManyRequests)
                wait = max(pause * random.uniform(0.5, 1.0), _asked(error))  # noqa: S311 - spreads load
                if not may or isinstance(error, errors.Unauthorized | errors.Closed):
                    raise
                if isinstance(error, errors.Unreachable):
                    lost_until = lost_until or loop.time() + _RECONNECT
                    may = loop.time() < lost_until
                if not may or loop.time() + wait >= end:
                    raise
            await asyncio.sleep(wait)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _once(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: bytes | None,
        headers: dict[str, str],
        end: float,
        silent: float,
    ) -> Reply:
        what = f"{method} {path}"
        try:
            async with asyncio.timeout_at(end), self._slots:
                timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=silent)
                async with self._asking(method, path, query, body, headers, timeout) as response:
                    content = await _content(response, what)
        except (*_LOST, *_CLOSED) as error:
            raise self._lost(what, error) from error
        if response.status >= 300:
            after = response.headers.get("Retry-After", "")
            raise errors.from_response(response.status, content, what, after)
        return Reply(content, response.headers.get("Content-Type", JSON))

    @asynccontextmanager
    async def lines(
        self, path: str, *, query: Query | None = None, idle: float = IDLE, accept: str = JSON
    ) -> AsyncGenerator[AsyncGenerator[bytes, None], None]:
        """The lines that a GET gives until the server ends it. Raises KubernetesError, also while they are read."""
        what = f"GET {path}"
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT, sock_read=idle)
        async with AsyncExitStack() as stack:
            try:
                asking = self._asking("GET", path, query, None, {"Accept": accept}, timeout)
                response = await stack.enter_async_context(asking)
                if response.status >= 300:
                    content = await _content(response, what)
                    after = response.headers.get("Retry-After", "")
                    raise errors.from_response(response.status, content, what, after)
            except (*_LOST, *_CLOSED) as error:
                raise self._lost(what, error) from error
            yield self._lines(response, what)

    @asynccontextmanager
    async def websocket(
        self, path: str, *, query: Query, protocol: str, timeout: float
    ) -> AsyncGenerator[aiohttp.ClientWebSocketResponse, None]:
        """A web socket of one subprotocol, opened within `timeout` seconds. Raises KubernetesError."""
        what, access = f"GET {path}", self._access
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(timeout):
                    opened = access.session.ws_connect(
                        access.server + path,
                        params=query,
                        protocols=[protocol],
                        headers=await self._headers(what),
                        proxy=access.proxy,
                        server_hostname=access.server_hostname,
                    )
                    socket = await stack.enter_async_context(opened)
            except aiohttp.WSServerHandshakeError as error:
                raise errors.from_response(error.status, error.message.encode(), what) from error
            except (*_LOST, *_CLOSED) as error:
                raise self._lost(what, error) from error
            yield socket

    async def _headers(self, what: str) -> dict[str, str]:
        """What says who we are. Raises Closed."""
        if self._access.session.closed:
            raise errors.Closed(f"{what}: the client of {self.server} was closed")
        authorization = await self._access.authorization()
        return {"Authorization": authorization} if authorization else {}

    async def _lines(self, response: aiohttp.ClientResponse, what: str) -> AsyncGenerator[bytes, None]:
        rest, parts = b"", response.content.iter_any()
        while True:
            try:
                part = await anext(parts, b"")
            except (*_LOST, *_CLOSED) as error:
                raise self._lost(what, error) from error
            if not part:
                break
            *whole, rest = (rest + part).split(b"\n")
            for line in whole:
                yield line
            if len(rest) > _LONGEST_LINE:
                raise errors.Refused(f"{what}: a line of more than {_LONGEST_LINE} bytes")
        if rest:
            yield rest

    @asynccontextmanager
    async def _asking(
        self,
        method: str,
        path: str,
        query: Query | None,
        body: bytes | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout,
    ) -> AsyncGenerator[aiohttp.ClientResponse, None]:
        access = self._access
        headers = headers | await self._headers(f"{method} {path}")
        more: dict[str, Any] = {"proxy": access.proxy} if access.proxy else {}
        if access.server_hostname:
            more["server_hostname"] = access.server_hostname
        async with access.session.request(
            method,
            access.server + path,
            params=query,
            data=body,
            headers=headers,
            timeout=timeout,
            allow_redirects=False,
            **more,
        ) as response:
            yield response

    def _lost(self, what: str, error: BaseException) -> errors.KubernetesError:
        if self._access.session.closed:
            return errors.Closed(f"{what}: the client of {self.server} was closed")
        if isinstance(error, _CLOSED):
            raise error
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return errors.Unreachable(f"{what}: {self.server} does not answer: {reason}")


def _asked(error: errors.Away) -> float:
    """The pause that a throttling server asked for."""
    return error.after if isinstance(error, errors.TooManyRequests) else 0.0


async def _content(response: aiohttp.ClientResponse, what: str) -> bytes:
    parts, size = [], 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            raise errors.Refused(f"{what}: the answer has more than {_LARGEST} bytes")
    return b"".join(parts)
