"""Reading many messages at once with direct get, and following a small stream that way.

Problem: the creator of a consumer chooses where it delivers to, so a component that may write to a stream must not be
able to create one on it. Invariant: what is read here arrives in stream order with nothing left out, and leaves no
consumer on the server (direct get in batches,
https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-31.md).
"""

import asyncio
import datetime
import json
from collections.abc import AsyncGenerator

import nats.errors
from nats.aio.msg import Msg

from meshwright.core.bus.client import listening
from meshwright.core.bus.client.connecting import Connection, message_of_reply
from meshwright.core.bus.envelope import Received
from meshwright.core.bus.errors import BusUnavailable
from meshwright.core.bus.stream.positions import START, Position, assure

_WITHIN = 2.0
_PAUSE = 0.1
_AT_ONCE = 256
_STORED_WITHIN = (0.0, 0.002, 0.01, 0.05)
"""pauses before each read after a notification, which may arrive before the stream has stored the message"""


async def batch(bus: Connection, stream: str, subject: str, seq: int, limit: int = _AT_ONCE) -> list[Received]:
    """The first messages of `subject` (wildcards allowed) at `seq` or later, at most `limit`. Raises BusUnavailable."""
    messages: list[Received] = []
    ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def arrived(message: Msg) -> None:
        status = (message.headers or {}).get("Status", "")
        if not status:
            messages.append(message_of_reply(stream, message))
        elif not ended.done():
            ended.set_result(status)

    inbox = bus.client.new_inbox()
    request = {"batch": limit, "seq": seq, "next_by_subj": subject}
    try:
        subscription = await bus.client.subscribe(inbox, cb=arrived)
        try:
            await bus.client.publish(f"{bus.client.js_api}.DIRECT.GET.{stream}", json.dumps(request).encode(), inbox)
            async with asyncio.timeout(_WITHIN):
                status = await ended
        finally:
            if not bus.client.is_closed:
                await subscription.unsubscribe()
    except (nats.errors.Error, TimeoutError) as error:
        raise BusUnavailable(f"could not read {stream}: {error!r}") from error
    if status not in ("204", "404"):
        raise BusUnavailable(f"could not read {stream}: the server answered {status}")
    return messages


async def until(bus: Connection, stream: str, time: datetime.datetime) -> Position:
    """The position behind everything that was stored before `time`. Raises BusUnavailable."""
    start = time + datetime.timedelta(microseconds=1)
    request = {"next_by_subj": ">", "start_time": start.isoformat()}
    try:
        answer = await bus.client.request(
            f"{bus.client.js_api}.DIRECT.GET.{stream}", json.dumps(request).encode(), timeout=_WITHIN
        )
    except (nats.errors.Error, TimeoutError) as error:
        raise BusUnavailable(f"could not find a position in {stream}: {error!r}") from error
    status = (answer.headers or {}).get("Status", "")
    if status == "404":
        return Position(seq=(await bus.stream_bounds(stream))[1])
    if status:
        raise BusUnavailable(f"could not find a position in {stream}: the server answered {status}")
    return Position(seq=message_of_reply(stream, answer).seq - 1)


async def growing(bus: Connection, stream: str, subject: str, patience: float) -> AsyncGenerator[list[Received], None]:
    """Batches from the start of `subject` on, without end; an empty one whenever there is no more.

    The stream is read again after a notification, and at the latest after `patience` seconds. Raises Rewound,
    BusUnavailable.
    """
    place, assured = START, bus.reconnects
    news = asyncio.Event()

    async def listen(_: Received) -> None:
        news.set()

    async with listening.listening(bus, subject, listen):
        looks = len(_STORED_WITHIN)
        while True:
            connection = bus.reconnects
            try:
                if connection != assured:
                    await assure(bus, stream, place)
                    assured = connection
                messages = await batch(bus, stream, subject, place.seq + 1)
            except BusUnavailable:
                await asyncio.sleep(_PAUSE)
                continue
            if bus.reconnects != connection:
                continue  # the batch may belong to a rewound stream
            if messages:
                place = Position.at(messages[-1])
            yield messages
            if messages or looks == len(_STORED_WITHIN):
                looks = 0 if messages or await _notified(news, patience) else looks
            else:
                await asyncio.sleep(_STORED_WITHIN[looks])
                looks += 1


async def _notified(news: asyncio.Event, patience: float) -> bool:
    """Whether a notification arrived within that many seconds."""
    try:
        async with asyncio.timeout(patience):
            await news.wait()
    except TimeoutError:
        return False
    finally:
        news.clear()
    return True
