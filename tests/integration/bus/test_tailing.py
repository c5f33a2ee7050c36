"""Tails: the newest of each first, several filters, idle readers; and what a connection costs that cannot be made."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.client import listening
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST, NatsServer, free_port
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed
from rig.load import ledgers
from rig.stack.proxies import TcpProxy

pytestmark = pytest.mark.servers
STREAM = subjects.EVENTS.stream
Tail = AsyncGenerator[list[mwbus.Received], None]


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


def subject(id: str, entity: str = "operation") -> str:
    """The subject of one entity."""
    return subjects.fill(subjects.EVENTS, workspace="w", origin="t", entity=entity, id=id)


async def say(bus: mwbus.Connection, *ids: str, entity: str = "operation") -> None:
    """One event of each."""
    for name in ids:
        await bus.publisher.publish(subject(name, entity), OperationProgressed(message=name), timeout=15)


async def read(tail: Tail, count: int) -> list[int]:
    """The next sequences, at least so many."""
    items: list[int] = []
    async with asyncio.timeout(20):
        while len(items) < count:
            items += [message.seq for message in await anext(tail)]
    return items


async def test_the_newest_of_each_comes_first_and_then_the_news(bus: mwbus.Connection) -> None:
    """Overwritten messages are skipped; later ones are complete, also those stored while the first part is being
    read.
    """
    await say(bus, "a", "b", "a", "c", "b")
    async with aclosing(mwbus.tail(bus, STREAM, newest=True, batch=2)) as tail:
        first = [message.seq for message in await anext(tail)]
        await say(bus, "a", "a")
        assert first + await read(tail, 5 - len(first)) == [3, 4, 5, 6, 7]


async def test_a_snapshot_that_breaks_off_is_continued(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """A server that is killed in the middle of it costs no subject its newest message and repeats none."""
    await say(bus, *(f"op{number % 30}" for number in range(60)))
    async with aclosing(mwbus.tail(bus, STREAM, newest=True, batch=7)) as tail:
        seen = await read(tail, 1)
        await nats_server.kill()
        await nats_server.start()
        await say(bus, "op0")
        seen += await read(tail, 31 - len(seen))
    assert seen == list(range(31, 62))


async def test_several_filters_are_read_as_one_stream(bus: mwbus.Connection) -> None:
    """In the order of the stream, each message once, and nothing that no filter wants, from any place on."""
    for entity in ("mesh", "proxy", "operation") * 3:
        await say(bus, "x", entity=entity)
    filters = [subjects.fill(subjects.EVENTS, entity=entity) for entity in ("mesh", "operation")]
    async with aclosing(mwbus.tail(bus, STREAM, subject=filters)) as tail:
        assert await read(tail, 6) == [1, 3, 4, 6, 7, 9]
    async with aclosing(mwbus.tail(bus, STREAM, subject=filters, after=mwbus.Position(seq=4))) as tail:
        assert await read(tail, 3) == [6, 7, 9]
    async with aclosing(mwbus.tail(bus, STREAM, subject=filters, newest=True)) as tail:
        assert await read(tail, 2) == [7, 9]


async def test_an_idle_reader_gets_its_turn_also_without_a_server(
    bus: mwbus.Connection, nats_server: NatsServer
) -> None:
    """With `idle` an empty batch comes after each wait, with a silent server and without one."""
    await say(bus, "a")
    async with aclosing(mwbus.tail(bus, STREAM, idle=True, patience=0.05)) as tail:
        assert await read(tail, 1) == [1]
        async with asyncio.timeout(30):
            assert await anext(tail) == []
            await nats_server.kill()
            await eventually(lambda: not bus.is_connected)
            assert [await anext(tail) for _ in range(3)] == [[]] * 3
            await nats_server.start()
        await say(bus, "b")
        assert await read(tail, 1) == [2]


async def test_a_reader_that_is_cancelled_leaves_nothing(bus: mwbus.Connection) -> None:
    """However it ends, neither a task here nor a consumer there stays behind."""
    await say(bus, *"abcdef")
    tasks = len(asyncio.all_tasks())

    async def follow(count: int) -> None:
        async with aclosing(mwbus.tail(bus, STREAM, batch=1)) as tail:
            await read(tail, count)

    for count in (1, 3, 100):
        following = asyncio.create_task(follow(count))
        await asyncio.wait({following}, timeout=0.05)
        await ending.end(following)

    async def nothing_left() -> bool:
        return await ledgers.consumers(bus) == 0 and len(asyncio.all_tasks()) <= tasks

    await eventually(nothing_left)


async def test_a_listener_that_fails_hears_on(bus: mwbus.Connection) -> None:
    """An error for one message is that message's; leaving the block ends the listening."""
    heard: list[str] = []

    async def listen(message: mwbus.Received) -> None:
        heard.append(message.subject.rpartition(".")[2])
        if heard[-1] == "a":
            raise RuntimeError("it broke")

    async with listening.listening(bus, "mw.evt.>", listen):
        await say(bus, "a", "b")
        await eventually(lambda: heard == ["a", "b"])
    await say(bus, "c")
    await bus.client.flush()
    assert heard == ["a", "b"]


@pytest.mark.parametrize("fault", ["nobody", "refuse", "black_hole"])
async def test_a_connection_that_cannot_be_made_is_reported_in_time_and_leaves_nothing(
    nats_server: NatsServer, fault: str
) -> None:
    """No listener, a reset, or a server that accepts and sends nothing: one error, no task, no socket left."""
    before = asyncio.all_tasks()
    loop = asyncio.get_running_loop()
    async with TcpProxy(nats_server.port) as proxy:
        if fault != "nobody":
            getattr(proxy, fault)()
        port = free_port() if fault == "nobody" else proxy.port
        begin = loop.time()
        with pytest.raises(mwbus.BusUnavailable, match=f"no NATS server answers at nats://{HOST}:{port} within 0.5 s"):
            async with mwbus.connect(f"nats://{HOST}:{port}", "late", timeout=0.5):
                pass
        assert loop.time() - begin < 8
        proxy.heal()
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_leaving_the_block_sends_what_was_said_and_leaves_nothing(
    bus: mwbus.Connection, nats_server: NatsServer
) -> None:
    """Also when an error leaves it: words without an acknowledgement are on their way, and every task has ended."""
    heard: list[bytes] = []

    async def listen(message: mwbus.Received) -> None:
        heard.append(message.payload)

    async with listening.listening(bus, "x.>", listen):
        await bus.client.flush()
        before = asyncio.all_tasks()
        with pytest.raises(RuntimeError, match="mine"):
            async with mwbus.connect(nats_server.url, "brief") as brief:
                for number in range(100):
                    await brief.client.publish(f"x.{number}", b"word")
                raise RuntimeError("mine")
        assert brief.client.is_closed
        await eventually(lambda: len(heard) == 100)
        await eventually(lambda: asyncio.all_tasks() <= before)
