"""Publishing over a connection that breaks: stored once, or the caller gets an error."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.core.bus import envelope
from meshwright.core.bus.stream import streams
from meshwright.core.bus.stream.publishing import EXPECTED_LAST
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed
from rig.load.ledgers import whole
from rig.stack.proxies import TcpProxy

pytestmark = pytest.mark.servers
STREAM = subjects.EVENTS.stream
SUBJECT = subjects.fill(subjects.EVENTS, workspace="w", origin="tester", entity="operation", id="op")
WORD = OperationProgressed(message="said")


@pytest.fixture
async def direct(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection without the proxy."""
    async with mwbus.connect(nats_server.url, "direct") as connection:
        yield connection


@pytest.fixture
async def proxy(nats_server: NatsServer, direct: mwbus.Connection) -> AsyncIterator[TcpProxy]:
    """The proxy between the publisher under test and its server."""
    async with TcpProxy(nats_server.port) as between:
        yield between


@pytest.fixture
async def bus(proxy: TcpProxy, nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """The connection under test."""
    async with mwbus.connect(nats_server.through(proxy.port), "tester") as connection:
        yield connection


async def stored_times(direct: mwbus.Connection, name: str) -> int:
    """How often EVENTS contains a message."""
    return sum(one.headers.get(envelope.MESSAGE_ID) == name for one in await whole(direct, STREAM))


async def test_a_lost_acknowledgement_is_asked_for_again(
    bus: mwbus.Connection, direct: mwbus.Connection, proxy: TcpProxy
) -> None:
    """What the server stored just before the connection broke is acknowledged by the retry, as stored before.

    Its expectation has been made stale by its own first copy.
    """
    last = (await direct.publisher.publish(SUBJECT, WORD)).seq
    name = ids.fresh()
    async with asyncio.timeout(20):
        proxy.delay = 0.15
        publishing = asyncio.create_task(bus.publisher.publish(SUBJECT, WORD, id=name, expected_last=last, timeout=15))

        async def stored() -> bool:
            return await stored_times(direct, name) == 1

        await eventually(stored, interval=0.005)
        proxy.cut()  # the acknowledgement is on its way, and lost
        proxy.heal()
        ack = await publishing
    assert (ack.seq, ack.duplicate) == (last + 1, True)
    assert await stored_times(direct, name) == 1


async def test_a_successor_of_a_lost_acknowledgement_is_a_conflict(direct: mwbus.Connection) -> None:
    """When another writer has gone on behind it, a repeated fenced write is refused and stored no second time."""
    name = ids.fresh()
    await direct.publisher.publish(SUBJECT, WORD, id=name, expected_last=0)
    other = await direct.publisher.publish(SUBJECT, WORD)
    with pytest.raises(mwbus.Conflict) as told:
        await direct.publisher.publish(SUBJECT, WORD, id=name, expected_last=0)
    assert (told.value.current, told.value.stream) == (other.seq, STREAM)
    assert await stored_times(direct, name) == 1


async def test_an_expectation_of_more_than_there_is_conflicts(direct: mwbus.Connection) -> None:
    """Expecting a sequence that the subject never had raises Conflict, and nothing is stored."""
    with pytest.raises(mwbus.Conflict):
        await direct.publisher.publish(SUBJECT, WORD, expected_last=5)
    assert await whole(direct, STREAM) == []


async def test_what_was_given_up_is_not_sent_later(
    bus: mwbus.Connection, direct: mwbus.Connection, proxy: TcpProxy
) -> None:
    """A publish that failed while there was no connection is not stored when the connection is back."""
    proxy.refuse()
    await eventually(lambda: not bus.is_connected)
    name = ids.fresh()
    with pytest.raises(mwbus.BusUnavailable, match="no acknowledgement"):
        await bus.publisher.publish(SUBJECT, WORD, id=name, timeout=0.5)
    proxy.heal()
    later = await bus.publisher.publish(SUBJECT, WORD, timeout=15)
    assert later.seq == 1
    assert await stored_times(direct, name) == 0


async def test_a_publish_that_waits_is_stored_when_the_server_is_back(
    bus: mwbus.Connection, direct: mwbus.Connection, proxy: TcpProxy
) -> None:
    """Within its time a publish goes on trying, and is stored once."""
    proxy.refuse()
    await eventually(lambda: not bus.is_connected)
    publishing = asyncio.create_task(bus.publisher.publish(SUBJECT, WORD, id="waited", timeout=20))
    try:
        done, _ = await asyncio.wait({publishing}, timeout=0.2)
        assert not done
        proxy.heal()
        assert not (await publishing).duplicate
    finally:
        await ending.end(publishing)
    assert await stored_times(direct, "waited") == 1


async def test_a_publish_ends_within_its_time(bus: mwbus.Connection, proxy: TcpProxy) -> None:
    """However slow the network, the call ends at its time-out, except for a last attempt."""
    proxy.black_hole()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    with pytest.raises(mwbus.BusUnavailable):
        await bus.publisher.publish(SUBJECT, WORD, timeout=0.3)
    assert loop.time() - begin < 5
    proxy.heal()


async def test_a_full_stream_refuses_at_once_and_without_a_trace(direct: mwbus.Connection) -> None:
    """A full stream's refusal is raised long before the time-out, and the message id stays unused."""
    await streams.ensure(direct.js, gib=0.0005)
    big = OperationProgressed(message="x" * 1900)
    with pytest.raises(mwbus.BusFull):
        while True:
            await direct.publisher.publish(SUBJECT, big, timeout=60)
    held = await direct.stream_bounds(STREAM)
    with pytest.raises(mwbus.BusFull):
        async with asyncio.timeout(20):
            await direct.publisher.publish(SUBJECT, big, id="refused", timeout=60)
    assert await direct.stream_bounds(STREAM) == held
    assert (await direct.fill())[STREAM] > 0.98
    await streams.ensure(direct.js, gib=0.01)
    ack = await direct.publisher.publish(SUBJECT, big, id="refused")
    assert (ack.seq, ack.duplicate) == (held[1] + 1, False)


async def test_ready_made_bytes_keep_their_fence(direct: mwbus.Connection) -> None:
    """What is stored again with its own headers, as a replay does, is fenced and named like everything else."""
    headers = envelope.write(envelope.Envelope(id="again", source="tester", type="dev.other.v1"))
    first = await direct.publisher.store(SUBJECT, b"{}", {**headers, EXPECTED_LAST: "0"})
    again = await direct.publisher.store(SUBJECT, b"{}", {**headers, EXPECTED_LAST: "0"})
    assert (again.seq, again.duplicate) == (first.seq, True)
    with pytest.raises(mwbus.Conflict):
        await direct.publisher.store(SUBJECT, b"{}", {**headers, envelope.MESSAGE_ID: "other", EXPECTED_LAST: "0"})


async def test_processes_that_start_together_need_the_room_once() -> None:
    """While one process creates a stream the server counts it for each that asks: none of them takes that for a no."""

    async def start(url: str, name: str) -> None:
        async with mwbus.connect(url, name, gib=1.0):
            pass

    for _ in range(5):
        async with NatsServer(store_bytes=int(1.05 * 2**30)) as server, asyncio.TaskGroup() as group:
            for number in range(6):
                group.create_task(start(server.url, f"p{number}"))
