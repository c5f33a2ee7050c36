"""A rewound stream: readers of lost messages detect it, and others are not disturbed."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed
from rig.load.ledgers import whole

pytestmark = pytest.mark.servers
STREAM = subjects.EVENTS.stream


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


async def tell(bus: mwbus.Connection, *texts: str) -> None:
    """Events, one after the other."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="tester", entity="operation", id="one")
    for text in texts:
        await bus.publisher.publish(subject, OperationProgressed(message=text), timeout=10)


async def read(bus: mwbus.Connection, after: mwbus.Position, count: int) -> list[str]:
    """The next `count` texts. Raises Rewound."""
    items: list[str] = []
    async with asyncio.timeout(30), aclosing(mwbus.tail(bus, STREAM, after=after)) as batches:
        async for batch in batches:
            for received in batch:
                message = received.message()
                assert isinstance(message, OperationProgressed)
                items.append(message.message)
            if len(items) >= count:
                break
    return items


async def place_of_the_last(bus: mwbus.Connection) -> mwbus.Position:
    """Where one is who has read everything."""
    return mwbus.Position.at((await whole(bus, STREAM))[-1])


async def test_a_shorter_stream_is_noticed(bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path) -> None:
    """A reader whose position is behind the end gets Rewound, also without the time of its last message."""
    await tell(bus, "a")
    await nats_server.copy_to(tmp_path / "copy")
    await tell(bus, "b", "c")
    place = await place_of_the_last(bus)
    await nats_server.go_back_to(tmp_path / "copy")
    await nats_server.start()
    for known in (place, mwbus.Position(seq=place.seq)):
        with pytest.raises(mwbus.Rewound, match="EVENTS ends at 1, but 3 was read from it before"):
            await read(bus, known, 1)


async def test_another_message_in_the_same_place_is_noticed(
    bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path
) -> None:
    """A stream that was rewound and has grown again looks like the old one; the time of the last message
    distinguishes them. The messages stored since then are found by that time.
    """
    await tell(bus, "a")
    await nats_server.copy_to(tmp_path / "copy")
    await tell(bus, "lost", "lost too")
    place = await place_of_the_last(bus)
    await nats_server.go_back_to(tmp_path / "copy")
    await nats_server.start()
    await tell(bus, "d", "e", "f")
    with pytest.raises(mwbus.Rewound, match="another message at 3"):
        await read(bus, place, 1)
    assert place.time is not None
    assert await read(bus, await mwbus.until(bus, STREAM, place.time), 3) == ["d", "e", "f"]


async def test_a_tail_at_work_is_reported(bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path) -> None:
    """A running reader gets Rewound when the server returns, and not before."""
    await tell(bus, "a")
    await nats_server.copy_to(tmp_path / "copy")
    await tell(bus, "b")
    seen: list[int] = []
    async with aclosing(mwbus.tail(bus, STREAM)) as batches:

        async def follow() -> None:
            async for batch in batches:
                seen.extend(received.seq for received in batch)
                if seen[-1] == 2:
                    await nats_server.go_back_to(tmp_path / "copy")
                    await nats_server.start()

        with pytest.raises(mwbus.Rewound):
            async with asyncio.timeout(30):
                await follow()
    assert seen == [1, 2]


async def test_a_restart_is_no_rewinding(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """A killed server that lost nothing disturbs no reader."""
    await tell(bus, "a", "b")
    place = await place_of_the_last(bus)
    await nats_server.kill()
    await nats_server.start()
    await tell(bus, "c")
    assert await read(bus, place, 1) == ["c"]


async def test_a_removed_message_is_no_rewinding(bus: mwbus.Connection) -> None:
    """That the message at one's place has been trimmed says nothing about those behind it."""
    await tell(bus, "a", "b", "c")
    place = mwbus.Position.at((await whole(bus, STREAM))[1])
    await bus.js.purge_stream(STREAM, keep=1)
    assert await read(bus, place, 1) == ["c"]
    await bus.js.purge_stream(STREAM)
    await mwbus.assure(bus, STREAM, mwbus.Position(seq=3, time=datetime.datetime.now(datetime.UTC)))


async def test_until_finds_the_place_of_a_moment(bus: mwbus.Connection) -> None:
    """Before the first message it is the start, after the last one the end, and it leaves no consumer behind."""
    await tell(bus, "a", "b", "c")
    stored = await whole(bus, STREAM)
    between = stored[1].stored_at()
    hour = datetime.timedelta(hours=1)
    assert (await mwbus.until(bus, STREAM, between)).seq == 2
    assert (await mwbus.until(bus, STREAM, between - hour)).seq == 0
    assert (await mwbus.until(bus, STREAM, between + hour)).seq == 3
    assert (await bus.js.stream_info(STREAM)).state.consumer_count == 0


async def test_a_watch_of_a_bucket_that_went_back_reports_what_is_gone(
    bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path
) -> None:
    """Lost keys are reported as expired, restored ones with their values."""
    bucket = await mwbus.open_bucket(bus, "facts")
    await bucket.put("kept", b"old")
    await nats_server.copy_to(tmp_path / "copy")
    await bucket.put("lost", b"1")
    await bucket.put("kept", b"new")
    known: dict[str, bytes] = {}
    async with asyncio.timeout(20), bucket.watch() as changes:
        async for change in changes:
            if change.entry:
                known[change.key] = change.entry.value
            elif change.key:
                assert change.expired
                del known[change.key]
            elif "lost" in known:
                assert known == {"kept": b"new", "lost": b"1"}
                await nats_server.go_back_to(tmp_path / "copy")
                await nats_server.start()
            if known == {"kept": b"old"} and "lost" not in known:
                break
