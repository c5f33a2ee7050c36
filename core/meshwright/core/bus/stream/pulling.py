"""Pulling messages from a consumer without ever going deaf.

Problem: a pull request that is parked in the server dies with it, and a client that waits for its answer
waits for ever (nats-py #504 and kin). Invariant: while somebody reads, there is always a request that the
server has confirmed within the last two heartbeats; otherwise it is sent again, and a consumer that no
longer exists is reported as `ConsumerGone`, so that the reader can make a new one.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.envelope import Received

_HEARTBEAT = 1.0
EXPIRES = 30.0
"""seconds that a request stays parked in the server when nothing comes"""
_NANO = 1_000_000_000


class ConsumerGone(Exception):
    """The server does not know the consumer (any more)."""


class Puller:
    """Keeps up to `batch` messages of one consumer under way. Use `pulling`."""

    def __init__(self, client: NatsClient, stream: str, consumer: str, batch: int, expires: float) -> None:
        self._client = client
        self._expires = expires
        self._subject = f"{client.js_api}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._batch = batch
        self._asked = 0
        self._last_received = 0.0
        self._reconnects = 0
        self._queue: asyncio.Queue[Received | None] = asyncio.Queue(maxsize=2 * batch + 8)

    async def arrived(self, message: Msg) -> None:
        """Takes what the server sends to the inbox: messages, heartbeats, the end of a request."""
        self._last_received = time.monotonic()
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is None:
            if message.reply.startswith("$JS.ACK."):
                self._asked -= 1
                await self._queue.put(received(message))
            return
        if status in ("404", "408", "409"):
            self._asked = 0
        if status == "408" and self._queue.empty():  # expired under a reader that waits
            await self._ask()
        if status == "503" or (status == "409" and "Deleted" in (message.headers or {}).get("Description", "")):
            await self._queue.put(None)

    async def next_batch(self, limit: int, patience: float) -> list[Received]:
        """What has arrived, at most `limit`; waits up to `patience` seconds for the first; may be empty.

        Raises ConsumerGone.
        """
        if self._is_stalled() or self._asked <= self._batch // 2:
            await self._ask()
        try:
            async with asyncio.timeout(patience):
                first = await self._queue.get()
        except TimeoutError:
            return []
        messages = [first]
        while len(messages) < limit and not self._queue.empty():
            messages.append(self._queue.get_nowait())
        if None in messages:
            raise ConsumerGone(self._subject)
        return [message for message in messages if message is not None]

    def _is_stalled(self) -> bool:
        """Whether the request that should be under way died with its server; then it counts as answered."""
        silent = time.monotonic() - self._last_received > 2.5 * _HEARTBEAT
        if not silent and self._client.stats["reconnects"] == self._reconnects:
            return False
        self._asked = 0
        return True

    async def _ask(self) -> None:
        self._last_received = time.monotonic()
        self._reconnects = self._client.stats["reconnects"]
        want = self._batch - max(self._asked, 0)
        heartbeat = min(_HEARTBEAT, self._expires / 3)  # the server wants less than half
        request = {"batch": want, "expires": int(self._expires * _NANO), "idle_heartbeat": int(heartbeat * _NANO)}
        self._asked = self._batch
        try:
            await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)
        except NatsError:
            self._asked = 0

    def leftover(self) -> list[Received]:
        """What has arrived and was not read."""
        messages = []
        while not self._queue.empty():
            messages.append(self._queue.get_nowait())
        return [message for message in messages if message is not None]

    @property
    def inbox(self) -> str:
        """Where the server sends to."""
        return self._inbox


@asynccontextmanager
async def pulling(
    client: NatsClient, stream: str, consumer: str, batch: int, expires: float = EXPIRES
) -> AsyncIterator[Puller]:
    """A running `Puller`; leaving the block unsubscribes. `expires`: see EXPIRES."""
    puller = Puller(client, stream, consumer, batch, expires)
    subscription = await client.subscribe(puller.inbox, cb=puller.arrived)
    try:
        yield puller
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


def received(message: Msg) -> Received:
    """A JetStream delivery as our own type; the place in the stream is in its reply subject (ADR-15)."""
    tokens = message.reply.split(".")
    if len(tokens) >= 11:  # the newer form has domain and account hash in front
        tokens = tokens[:2] + tokens[4:]
    return Received(
        stream=tokens[2],
        subject=message.subject,
        seq=int(tokens[5]),
        time=int(tokens[7]),
        headers=message.headers or {},
        payload=message.data,
        deliveries=int(tokens[4]),
        reply=message.reply,
    )
