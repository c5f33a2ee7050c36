"""Messages that no client of ours would send: they are read like all others, in every way of reading."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus import envelope
from meshwright.core.bus.client import listening
from meshwright.core.testing import identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import HOST, NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed

pytestmark = pytest.mark.servers
STREAM = subjects.EVENTS.stream
SUBJECT = subjects.fill(subjects.EVENTS, workspace="w", origin="tester", entity="operation", id="op")


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


async def say_raw(server: NatsServer, subject: bytes, payload: bytes, headers: bytes = b"") -> None:
    """Publish bytes as another NATS client does; returns when the server has received them."""
    reader, writer = await asyncio.open_connection(HOST, server.port)
    await reader.readline()
    lines = b"NATS/1.0\r\n" + headers + b"\r\n"
    sizes = b"%d %d" % (len(lines), len(lines) + len(payload))
    options = {"verbose": False, "headers": True, "user": identities.TESTER, "pass": identities.TESTER}
    writer.write(b"CONNECT %b\r\n" % json.dumps(options).encode())
    writer.write(b"HPUB %b %b\r\n%b%b\r\nPING\r\n" % (subject, sizes, lines, payload))
    await writer.drain()
    assert await reader.readline() == b"PONG\r\n"
    writer.close()


async def first(bus: mwbus.Connection, count: int) -> list[mwbus.Received]:
    """The first messages of EVENTS as a tail gives them."""
    items: list[mwbus.Received] = []
    async with asyncio.timeout(30), aclosing(mwbus.tail(bus, STREAM)) as batches:
        async for batch in batches:
            items += batch
            if len(items) >= count:
                break
    return items


async def test_a_subject_that_is_no_text_stops_no_reader(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """A subject of bytes that are not UTF-8 reaches tails and listeners, and so does what is published behind it."""
    heard: list[str] = []

    async def listen(message: mwbus.Received) -> None:
        heard.append(message.subject)

    async with listening.listening(bus, "mw.evt.>", listen):
        await bus.client.flush()
        await say_raw(nats_server, b"mw.evt.w.x.y.\xff", b"{}")
        await bus.publisher.publish(SUBJECT, OperationProgressed(message="on"))
        assert [message.subject for message in await first(bus, 2)] == ["mw.evt.w.x.y.\ufffd", SUBJECT]
        await eventually(lambda: heard == ["mw.evt.w.x.y.\ufffd", SUBJECT])
    assert bus.reconnects == 0


async def test_header_names_of_any_case_and_broken_values_are_read(
    bus: mwbus.Connection, nats_server: NatsServer
) -> None:
    """CloudEvents of other clients are read with any spelling of header names; invalid header values do not make
    the message unreadable.
    """
    headers = b"CE-Id: a%20b\r\nCe-Source:x\r\ncE-tYpE: dev.other.v1\r\nce-odd: \xff\xfe\r\nno colon here\r\n"
    await say_raw(nats_server, SUBJECT.encode(), b"\xff", headers)
    (result,) = await first(bus, 1)
    assert result.type == "dev.other.v1"
    read = result.envelope()
    assert (read.id, read.source, read.type) == ("a b", "x", "dev.other.v1")
    assert result.message() is None
    assert result.payload == b"\xff"


async def test_a_message_is_the_same_however_it_is_read(bus: mwbus.Connection) -> None:
    """By place, by subject, behind a place, by tail and as a job: the same payload, envelope and moment."""
    ack = await bus.publisher.publish(
        SUBJECT, OperationProgressed(message="naïve"), about="operations/ä b%", extensions={"severity": "high\t!"}
    )
    queue = mwbus.WorkQueue(stream=STREAM, name="q", subject="mw.evt.>")
    async with asyncio.timeout(30), aclosing(mwbus.jobs(bus, queue)) as jobs:
        job = next(job for job in [await anext(jobs)] if job is not None)
        await job.ack()
    (tailed,) = await first(bus, 1)
    result = [
        await bus.at(STREAM, ack.seq),
        await bus.last(STREAM, SUBJECT),
        await bus.following(STREAM, 0, "mw.evt.*.tester.>"),
        job.message,
    ]
    for one in result:
        assert one is not None
        assert (one.seq, one.subject, one.payload) == (tailed.seq, tailed.subject, tailed.payload)
        assert one.envelope() == tailed.envelope()
        assert abs((one.stored_at() - tailed.stored_at()).total_seconds()) < 0.001
        assert one.message() == OperationProgressed(message="naïve")
    assert tailed.envelope().subject == "operations/ä b%"
    assert tailed.envelope().extensions == {"severity": "high\t!"}
    assert tailed.headers[envelope.MESSAGE_ID] == tailed.envelope().id


async def test_what_is_not_there_is_none(bus: mwbus.Connection) -> None:
    """Reading beyond the end, before the beginning or on another subject gives nothing, and no error."""
    await bus.publisher.publish(SUBJECT, OperationProgressed(message="one"))
    assert await bus.at(STREAM, 2) is None
    assert await bus.last(STREAM, SUBJECT + "x") is None
    assert await bus.following(STREAM, 2, ">") is None
    with pytest.raises(mwbus.BusUnavailable, match="NOWHERE"):
        await bus.stream_bounds("NOWHERE")
