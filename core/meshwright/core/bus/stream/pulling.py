"""Pulling messages from a consumer without missing that a pull request has died.

Problem: a pull request that waits on the server dies with it, and its client waits for ever (nats-py #504 and similar).
Invariant: while a reader waits, there is always a request that the server has confirmed within the last two heartbeats;
otherwise it is sent again, and a consumer that no longer exists is reported as `ConsumerGone`, so that the reader can
create a new one.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.bus.envelope import Received

_HEARTBEAT = 1.0
EXPIRES = 30.0
"""seconds that a pull request waits on the server when no message comes"""
_NANO = 1_000_000_000
_FINISH_S = 5.0
"""seconds for one exchange with the server when a reader ends; after that its messages wait for the ack wait"""


class ConsumerGone(Exception):
    """The server does not know the consumer, or no longer does."""


class Puller:
    """Keeps up to `batch` messages of one consumer requested. Use `pulling`."""

    def __init__(self, client: NatsClient, stream: str, consumer: str, batch: int, expires: float) -> None:
        self._client = client
        self._expires = expires
        self._subject = f"{client.js_api}.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = client.new_inbox()
        self._batch = batch
        self._asked = 0
        self._last_received = 0.0
        self._reconnects = 0
        self._subscription: Subscription
        self._queue: asyncio.Queue[Received | None] = asyncio.Queue(maxsize=2 * batch + 8)

    async def arrived(self, message: Msg) -> None:
        """The callback of the inbox: messages, heartbeats, and the status that ends a request."""
        self._last_received = time.monotonic()
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is None:
            if message.reply.startswith("$JS.ACK."):
                self._asked -= 1
                await self._queue.put(received(message))
            return
        if status in ("404", "408", "409"):
            self._asked = 0
        if status == "408" and self._queue.empty():  # the request expired while the reader waits
            await self._ask()
        if status == "503" or (status == "409" and "Deleted" in (message.headers or {}).get("Description", "")):
            await self._queue.put(None)

    async def next_batch(self, limit: int, patience: float) -> list[Received]:
        """The messages that have arrived, at most `limit`; waits up to `patience` seconds for the first; may be empty.

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
        """Whether the open request died with its server; it then counts as answered."""
        silent = time.monotonic() - self._last_received > 2.5 * _HEARTBEAT
        if not silent and self._client.stats["reconnects"] == self._reconnects:
            return False
        self._asked = 0
        return True

    async def _ask(self) -> None:
        self._last_received = time.monotonic()
        self._reconnects = self._client.stats["reconnects"]
        want = self._batch - max(self._asked, 0)
        heartbeat = min(_HEARTBEAT, self._expires / 3)  # the open request has less than half of its messages left
        request = {"batch": want, "expires": int(self._expires * _NANO), "idle_heartbeat": int(heartbeat * _NANO)}
        self._asked = self._batch
        try:
            await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)
        except NatsError:
            self._asked = 0

    async def start(self) -> None:
        """Receive what is delivered to the inbox."""
        self._subscription = await self._client.subscribe(self._inbox, cb=self.arrived)

    async def stop(self) -> None:
        """Receive no more."""
        with contextlib.suppress(NatsError):  # it is closed already
            await self._subscription.unsubscribe()

    async def finish(self) -> list[Received]:
        """Receive no more; the messages that were not read, among them those that were still on their way."""
        if self._client.is_connected:
            with contextlib.suppress(NatsError, TimeoutError):
                async with asyncio.timeout(_FINISH_S):
                    await self._subscription.drain()  # type: ignore[no-untyped-call]  # nats-py leaves it so
        messages = []
        while not self._queue.empty():
            messages.append(self._queue.get_nowait())
        return [message for message in messages if message is not None]


@asynccontextmanager
async def pulling(
    client: NatsClient, stream: str, consumer: str, batch: int, expires: float = EXPIRES
) -> AsyncIterator[Puller]:
    """A running `Puller`; leaving the block unsubscribes. `expires`: see EXPIRES."""
    puller = Puller(client, stream, consumer, batch, expires)
    await puller.start()
    try:
        yield puller
    finally:
        await puller.stop()


def received(message: Msg) -> Received:
    """A JetStream delivery as a Received; its sequence comes from the reply subject (ADR-15)."""
    tokens = message.reply.split(".")
    if len(tokens) >= 11:  # the newer form starts with a domain and an account hash
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
