"""One client's event stream as an ASGI response.

Invariant: it ends when the client disconnects, the server stops, the token or session ends, or the client
does not read for half a minute; it always releases its task and its place in the hub.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.ui_api.access.callers import Callers
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.live import frames
from meshwright.ui_api.live.streaming import PING_S, Client, Hub

MEDIA_TYPE = "text/event-stream"
SEND_S = 30.0
"""seconds that a client may take to read what was sent"""
_HEADERS = {
    "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
    "Cache-Control": "no-cache, no-store",
    "X-Accel-Buffering": "no",
}


class EventStream(Response):
    """Sends the events of the hub to one client."""

    def __init__(self, hub: Hub, client: Client, meters: Meters) -> None:
        self.status_code = 200
        self.background = None
        self._hub = hub
        self._client = client
        self._meters = meters
        self.init_headers(_HEADERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        watcher = asyncio.create_task(_watch(receive, self._client))
        self._meters.clients.add()
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await self._send(send, [frames.hello(self._client.seq)])
            await self._follow(send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (OSError, TimeoutError, mwbus.BusUnavailable):
            pass  # the client has disconnected, does not read, or must reconnect: it resumes at its position
        finally:
            self._hub.left(self._client)
            self._meters.clients.add(by=-1)
            await ending.end(watcher)

    async def _follow(self, send: Send) -> None:
        client, hub = self._client, self._hub
        async for frame in hub.catch_up(client):
            if client.ended:
                return
            await self._send(send, [frame])
        while not client.ended:
            if reason := hub.must_start_over(client):
                self._meters.resets.add(reason)
                await self._send(send, [hub.start_over(client, reason)])
                continue  # a slow reader of this may have fallen behind again
            taken, more = hub.take(client)
            if taken:
                await self._send(send, taken)
            elif time.monotonic() - client.idle_since >= PING_S:
                await self._send(send, [frames.PING])
            if not more:
                await client.wake.wait()
                client.wake.clear()

    async def _send(self, send: Send, frames: list[bytes]) -> None:
        self._client.idle_since = time.monotonic()
        self._meters.delivered.add(by=len(frames))
        async with asyncio.timeout(SEND_S):
            await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})


async def _watch(receive: Callable[[], Awaitable[object]], client: Client) -> None:
    """Ends the client when its connection is closed."""
    while True:
        message = await receive()
        if isinstance(message, dict) and message["type"] == "http.disconnect":
            client.end()
            return


async def keep_alive(hub: Hub, callers: Callers) -> None:
    """Send pings to idle clients, and end those whose token or session is no longer valid; until cancelled."""
    while True:
        await asyncio.sleep(0.5)
        quiet = time.monotonic() - PING_S
        for client in list(hub.clients):
            if not callers.is_valid(client.credential):
                client.end()
            elif client.idle_since <= quiet:
                client.wake.set()
