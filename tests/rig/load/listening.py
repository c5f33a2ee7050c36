"""A reader of the event stream, as a browser's EventSource would be, with its own connection.

Invariant: it keeps every frame in order and the last id that it has seen, also over a lost connection.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from meshwright.core import ending
from meshwright.core.testing.eventually import eventually


class Listener:
    """Frames as they came: (id, event, data)."""

    def __init__(self) -> None:
        self.frames: list[tuple[int, str, Any]] = []
        self.comments = 0
        self.retry = 0
        self.connections = 0
        self.connected_at = 0.0
        """when the newest connection was made, by the clock of `time.monotonic`"""
        self.heard_at: list[float] = []
        """when each of `frames` came"""
        self.last_id = ""

    @property
    def ids(self) -> list[int]:
        """The ids of all events that are no reset."""
        return [seq for seq, event, _ in self.frames if event != "reset"]

    @property
    def types(self) -> list[str]:
        """The short names of the events' types, as in `succeeded`."""
        return [data["type"].split(".")[-2] for _, event, data in self.frames if event != "reset"]

    def take(self, block: str) -> None:
        """One block of lines."""
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        if "" in fields:
            self.comments += 1
        if "retry" in fields:
            self.retry = int(fields["retry"])
        if "data" in fields:
            self.last_id = fields["id"]
            self.heard_at.append(time.monotonic())
            self.frames.append((int(fields["id"]), fields.get("event", "message"), msgspec.json.decode(fields["data"])))

    async def read(self, response: httpx.Response) -> None:
        """Read until the connection ends."""
        self.connections += 1
        self.connected_at = time.monotonic()
        rest = ""
        async for text in response.aiter_text():
            *blocks, rest = (rest + text).split("\n\n")
            for block in blocks:
                self.take(block)


@asynccontextmanager
async def listening(url: str, token: str, workspace: str, **params: Any) -> AsyncIterator[Listener]:
    """A listener that connects again, with its last id, whenever it lost the connection."""
    listener = Listener()

    async def follow() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=httpx.Timeout(30, connect=1)) as client:
            while True:
                headers = {
                    "Authorization": f"Bearer {token}",
                    "Meshwright-Workspace": workspace,
                    "Accept": "text/event-stream",
                }
                if listener.last_id:
                    headers["Last-Event-ID"] = listener.last_id
                try:
                    async with client.stream("GET", "/v1/events", headers=headers, params=params) as response:
                        if response.status_code == 200:
                            await listener.read(response)
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.02)

    task = asyncio.create_task(follow())
    try:
        await eventually(lambda: listener.retry)
        yield listener
    finally:
        await ending.end(task)
