"""Stands between a client and a real API server, and answers in its place whenever a test says so.

Invariant: what is not intercepted reaches the API server unchanged, as an administrator.
"""

import asyncio
import base64
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from meshwright.schemas.connections import Kubernetes

Rule = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
_PASSED = {"accept", "content-type"}


class Interceptor:
    """`rule` answers in the API server's place; None: the API server answers."""

    def __init__(self, server: str, session: aiohttp.ClientSession) -> None:
        self._server = server
        self._session = session
        self.rule: Rule | None = None
        self.answered = 0
        """requests that the rule has answered"""
        self.written: list[str] = []
        """what the API server was asked to change, dry runs left out"""
        self._open: set[asyncio.Transport] = set()

    def cut(self) -> None:
        """Break off every answer that goes on, such as that of a watch."""
        for each in list(self._open):
            each.abort()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """By the rule, or by the API server."""
        assert isinstance(request.transport, asyncio.Transport)
        transport = request.transport
        self._open.add(transport)
        try:
            return await self._answer(request)
        finally:
            self._open.discard(transport)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.rule and (response := await self.rule(request)):
            self.answered += 1
            return response
        if request.method != "GET" and "dryRun" not in request.query and "reviews" not in request.path:
            self.written.append(f"{request.method} {request.path}")
        headers = {key: value for key, value in request.headers.items() if key.lower() in _PASSED}
        async with self._session.request(
            request.method, self._server + request.path_qs, data=await request.read() or None, headers=headers
        ) as there:
            reply = web.StreamResponse(
                status=there.status, headers={"Content-Type": there.headers.get("Content-Type", "")}
            )
            await reply.prepare(request)
            async for part in there.content.iter_any():
                await reply.write(part)
        return reply


def status(code: int, reason: str, message: str = "", **headers: str) -> web.Response:
    """A refusal in the API server's own form."""
    body = {"kind": "Status", "code": code, "reason": reason, "message": message or reason}
    return web.json_response(body, status=code, headers=headers)


async def unreachable(request: web.Request) -> web.StreamResponse:
    """Every request fails to connect."""
    assert request.transport
    request.transport.abort()
    return web.Response()


async def unauthorized(request: web.Request) -> web.StreamResponse:
    """The credentials have ended."""
    return status(401, "Unauthorized")


async def throttling(request: web.Request) -> web.StreamResponse:
    """The server has too much to do."""
    return status(429, "TooManyRequests", **{"Retry-After": "1"})


async def another_cluster(request: web.Request) -> web.StreamResponse | None:
    """All is as in the cluster behind it, besides its identity."""
    if request.path != "/api/v1/namespaces/kube-system":
        return None
    return web.json_response({"metadata": {"name": "kube-system", "uid": "another"}})


def _context(document: dict[str, Any]) -> ssl.SSLContext:
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    with tempfile.TemporaryDirectory() as folder:
        pair = Path(folder) / "pair.pem"
        pair.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key")))
        context.load_cert_chain(pair)
    return context


@asynccontextmanager
async def intercepting(settings: Kubernetes) -> AsyncIterator[tuple[Interceptor, Kubernetes]]:
    """An interceptor before the cluster of these settings, and the settings that lead through it."""
    document = yaml.safe_load(settings.kubeconfig)
    connector = aiohttp.TCPConnector(ssl=await asyncio.to_thread(_context, document))
    async with aiohttp.ClientSession(connector=connector) as session:
        result = Interceptor(document["clusters"][0]["cluster"]["server"], session)
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{tail:.*}", result.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        document["clusters"][0]["cluster"] = {"server": f"http://127.0.0.1:{runner.addresses[0][1]}"}
        document["users"][0]["user"] = {"token": "anything"}
        try:
            yield result, Kubernetes(kubeconfig=yaml.safe_dump(document))
        finally:
            await runner.cleanup()
