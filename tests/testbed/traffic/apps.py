"""Small HTTP servers that stand for the processes of pods, and answer who they are.

Invariant: what a server has received is remembered, so that a test sees mirrors and retries, too.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from aiohttp import web

from testbed.traffic.network import PodNetwork

PORT = 8080


class Received(msgspec.Struct, frozen=True):
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]


class App:
    """The process of one pod; set `status` and `delay` (seconds) to have it fail or be slow.

    Whatever is set, `/slow` takes a second, `/fail` is 503, and `/flaky` every third time 200.
    """

    def __init__(self, service: str, version: str, name: str = "") -> None:
        self.service, self.version, self.name = service, version, name or f"{service}-{version}"
        self.status = 200
        self.delay = 0.0
        self.received: list[Received] = []

    async def answer(self, request: web.Request) -> web.Response:
        """Who answers, and what was asked."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.received.append(Received(request.method, request.path_qs, headers))
        status, delay = self._behaviour(request.path)
        await asyncio.sleep(delay)
        body: dict[str, Any] = {"service": self.service, "version": self.version, "name": self.name}
        return web.json_response({**body, "headers": headers, "path": request.path_qs}, status=status)

    def _behaviour(self, path: str) -> tuple[int, float]:
        """The status of an answer, and after how many seconds it comes."""
        if path == "/slow":
            return self.status, max(self.delay, 1.0)
        if path == "/fail":
            return 503, self.delay
        if path == "/flaky":
            return 200 if sum(each.path == path for each in self.received) % 3 == 0 else 503, self.delay
        return self.status, self.delay

    @contextlib.asynccontextmanager
    async def serving(self, network: PodNetwork, pod: str, address: str, port: int = PORT) -> AsyncIterator[None]:
        """Listen at this address in the namespace of this pod."""
        server = web.Application()
        server.router.add_route("*", "/{tail:.*}", self.answer)
        runner = web.AppRunner(server, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            listener = network.bound(pod, address, port)  # the runner closes it
            await web.SockSite(runner, listener).start()
            yield
        finally:
            await runner.cleanup()
