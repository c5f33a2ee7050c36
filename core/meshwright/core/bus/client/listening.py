"""Core NATS subscriptions: messages at once, delivered at most once.

Problem: polling a stream for one fact is slow or costly. Invariant: a message that arrives here is only a hint (core
NATS may lose it); its reader also polls the stream.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager

import nats.errors
from nats.aio.msg import Msg

from meshwright.core.bus.client.connecting import Connection
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable

Wait = Callable[[float], Awaitable[bool]]


@asynccontextmanager
async def waiter(bus: Connection, subject: str, types: Collection[str]) -> AsyncIterator[Wait]:
    """A function that waits up to the given number of seconds for one of these wire types on a subject.

    Raises BusUnavailable.
    """
    arrived_one = asyncio.Event()

    async def listen(message: Received) -> None:
        if message.type in types:
            arrived_one.set()

    async def wait(seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await arrived_one.wait()
        except TimeoutError:
            return False
        return True

    async with listening(bus, subject, listen):
        yield wait


@asynccontextmanager
async def listening(
    bus: Connection, subject: str, listener: Callable[[Received], Awaitable[None]]
) -> AsyncIterator[None]:
    """Call `listener` for every message on a subject while the block runs. Their sequence and time are 0.

    Raises BusUnavailable.
    """

    async def arrived(message: Msg) -> None:
        headers = message.headers or {}
        await listener(
            Received(stream="", subject=message.subject, seq=0, time=0, headers=headers, payload=message.data)
        )

    try:
        subscription = await bus.client.subscribe(subject, cb=arrived)
    except nats.errors.Error as error:
        raise BusUnavailable(f"could not listen on {subject}: {error!r}") from error
    try:
        yield
    finally:
        if not bus.client.is_closed:
            await subscription.unsubscribe()
