"""What the bus promises, on a real nats-server that is killed and restarted."""

import asyncio
import contextlib
import functools
from typing import Any

import nats
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.core.bus import envelope
from meshwright.core.bus.client import listening
from meshwright.core.bus.kv import leases
from meshwright.core.bus.stream import streams
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations, subjects
from meshwright.schemas.connections import Connection, ConnectionWritten
from rig.load import ledgers

PROGRESS = operations.OperationProgressed(message='naïve "100 %"')


def subject(id: str = "op") -> str:
    """The subject of these tests' events."""
    return subjects.fill(subjects.EVENTS, workspace="default", origin="tester", entity="operation", id=id)


def longer_than(items: list[int], length: int) -> bool:
    """Whether a list has grown so far."""
    return len(items) > length


@pytest.fixture
async def bus(nats_server: Any) -> Any:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


async def collect(
    bus: mwbus.Connection, count: int, after: mwbus.Position = mwbus.START, name: str = "EVENTS"
) -> list[mwbus.Received]:
    """The first `count` messages that a tail gives."""
    items: list[mwbus.Received] = []
    async with asyncio.timeout(20):
        async for batch in mwbus.tail(bus, name, after=after):
            items += batch
            if len(items) >= count:
                return items
    return items


async def test_any_client_reads_well_formed_cloudevents(bus: Any, nats_server: Any) -> None:
    """A plain NATS subscriber gets CloudEvents in binary mode with lower-case, percent-encoded headers."""
    client = await nats.connect(nats_server.url)
    try:
        subscription = await client.subscribe("mw.evt.>")
        await client.flush()
        await bus.publisher.publish(subject(), PROGRESS, about="operations/a b")
        message = await subscription.next_msg(timeout=60)
    finally:
        await client.close()
    headers = message.headers or {}
    assert headers["ce-specversion"] == "1.0"
    assert headers["ce-type"] == "dev.meshwright.operation.progressed.v1"
    assert headers["ce-subject"] == "operations/a%20b"
    assert envelope.read(headers).subject == "operations/a b"
    assert headers["Nats-Msg-Id"] == headers["ce-id"]


async def test_one_id_is_stored_once_even_across_a_server_restart(bus: Any, nats_server: Any) -> None:
    """Publishing the same id three times, with a kill -9 in between, stores one message."""
    first = await bus.publisher.publish(subject(), PROGRESS, id="same")
    second = await bus.publisher.publish(subject(), PROGRESS, id="same")
    await nats_server.kill()
    await nats_server.start()
    third = await bus.publisher.publish(subject(), PROGRESS, id="same", timeout=10)
    assert (first.seq, second.seq, third.seq) == (1, 1, 1)
    assert (first.duplicate, second.duplicate, third.duplicate) == (False, True, True)


async def test_a_stale_writer_is_refused(bus: Any) -> None:
    """Of two writers that saw the same last sequence, the second gets Conflict and stores nothing."""
    ack = await bus.publisher.publish(subject(), PROGRESS, expected_last=0)
    await bus.publisher.publish(subject(), PROGRESS, expected_last=ack.seq)
    with pytest.raises(mwbus.Conflict):
        await bus.publisher.publish(subject(), PROGRESS, expected_last=ack.seq)
    assert (await bus.stream_bounds("EVENTS"))[1] == 2


async def test_a_retry_of_an_acknowledged_fenced_write_is_not_refused(bus: Any) -> None:
    """When the ack was lost, the same id with the same expectation is a duplicate, not a conflict."""
    ack = await bus.publisher.publish(subject(), PROGRESS, id="once", expected_last=0)
    again = await bus.publisher.publish(subject(), PROGRESS, id="once", expected_last=0)
    assert again.duplicate
    assert again.seq == ack.seq


async def test_a_command_is_its_own_acceptance(bus: Any) -> None:
    """What is stored in COMMANDS and in STATE appears in EVENTS without another publish."""
    asked = subjects.fill(subjects.COMMANDS, workspace="w", adapter="a", connection="c", queue="m", operation="op1")
    await bus.publisher.publish(asked, PROGRESS)
    written = ConnectionWritten(document=Connection(id="c1", kind="envoy-fleet"), principal="p")
    await bus.publisher.publish(subjects.fill(subjects.STATE, workspace="w", kind="connection", id="c1"), written)
    result = await collect(bus, 2)
    assert sorted(message.subject for message in result) == [
        "mw.evt.w.api.connection.c1",
        "mw.evt.w.commands.operation.op1",
    ]


async def test_tokens_are_not_copied_into_the_events(bus: Any) -> None:
    """A token written to STATE stays there: subscribers of events never see it."""
    await bus.publisher.publish(subjects.fill(subjects.STATE, workspace="w", kind="token", id="t"), PROGRESS)
    await bus.publisher.publish(subject(), PROGRESS)
    assert [message.subject for message in await collect(bus, 1)] == [subject()]


async def test_a_tail_misses_nothing_through_server_kills(bus: Any, nats_server: Any) -> None:
    """A tail that runs while the server is killed three times gives every sequence once, in order."""
    seen: list[int] = []

    async def read() -> None:
        async for batch in mwbus.tail(bus, "EVENTS"):
            seen.extend(message.seq for message in batch)

    async def write() -> None:
        for number in range(300):
            await bus.publisher.publish(subject(str(number)), PROGRESS, timeout=20)

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        writer = group.create_task(write())
        for seen_at_least in (50, 120, 200):
            await eventually(functools.partial(longer_than, seen, seen_at_least))
            await nats_server.kill()
            await nats_server.start()
        await writer
        await eventually(lambda: len(seen) >= 300)
        reader.cancel()
    assert seen == list(range(1, 301))


async def test_a_tail_is_not_fooled_by_a_consumer_that_went_deaf(bus: Any) -> None:
    """When the server's consumer sends heartbeats and nothing else, the tail makes a new one and misses nothing."""
    seen: list[int] = []

    async def read() -> None:
        async for batch in mwbus.tail(bus, "EVENTS", patience=0.25):
            seen.extend(message.seq for message in batch)

    reader = asyncio.create_task(read())
    await bus.publisher.publish(subject(), PROGRESS)
    await eventually(lambda: seen == [1])
    name = (await bus.js.consumers_info("EVENTS"))[0].name
    pause = b'{"pause_until": "2100-01-01T00:00:00Z"}'
    await bus.client.request(f"$JS.API.CONSUMER.PAUSE.EVENTS.{name}", pause, timeout=30)
    await bus.publisher.publish(subject(), PROGRESS)
    await eventually(lambda: seen == [1, 2])
    await ending.end(reader)


async def test_a_tail_continues_from_where_its_reader_was(bus: Any) -> None:
    """Starting at a sequence gives that one first, on one subject only if asked."""
    for number in range(10):
        await bus.publisher.publish(subject(str(number % 2)), PROGRESS)
    assert [message.seq for message in await collect(bus, 4, after=mwbus.Position(seq=6))] == [7, 8, 9, 10]
    items: list[int] = []
    async for batch in mwbus.tail(bus, "EVENTS", subject=subject("1")):
        items += [message.seq for message in batch]
        if len(items) >= 5:
            break
    assert items == [2, 4, 6, 8, 10]


async def test_work_is_handed_out_again_until_acknowledged(bus: Any) -> None:
    """A job that is neither acknowledged nor kept comes again; an acknowledged one does not."""
    queue = mwbus.WorkQueue(stream="EVENTS", name="q", subject="mw.evt.>", ack_wait=3.0)
    for number in range(3):
        await bus.publisher.publish(subject(str(number)), PROGRESS)
    deliveries: dict[int, int] = {}
    quiet = 0
    async with asyncio.timeout(60):
        async for job in mwbus.jobs(bus, queue):
            if job is None:
                quiet += 1
                if quiet > 2 * queue.ack_wait:
                    break
                continue
            seq = job.message.seq
            deliveries[seq] = deliveries.get(seq, 0) + 1
            if seq == 1 or job.message.deliveries > 1:
                await job.ack()
    assert deliveries == {1: 1, 2: 2, 3: 2}


async def test_work_goes_on_after_a_server_kill(bus: Any, nats_server: Any) -> None:
    """What was not acknowledged before a kill -9 is delivered after it; nothing is lost."""
    queue = mwbus.WorkQueue(stream="EVENTS", name="q", subject="mw.evt.>", ack_wait=0.5)
    for number in range(5):
        await bus.publisher.publish(subject(str(number)), PROGRESS)
    done: set[int] = set()
    async with asyncio.timeout(20):
        async for job in mwbus.jobs(bus, queue):
            if job is None:
                continue
            if job.message.seq == 2 and not done:
                await nats_server.kill()
                await nats_server.start()
                continue
            await job.ack()
            done.add(job.message.seq)
            if done == {1, 2, 3, 4, 5}:
                break


async def test_streams_are_updated_only_when_they_differ(bus: Any) -> None:
    """Setting up twice changes nothing; a stream with other settings is brought back to the wanted ones."""
    await streams.ensure(bus.js)
    info = await bus.js.stream_info("METRICS")
    config = info.config
    config.max_age = 3600
    await bus.js.update_stream(config)
    await streams.ensure(bus.js)
    assert (await bus.js.stream_info("METRICS")).config.max_age == 0.25 * streams.DAY


async def test_a_server_with_little_room_says_what_to_do() -> None:
    """Streams larger than the server can hold are refused at once with the setting to change; smaller ones fit."""
    async with NatsServer(store_bytes=256 * 2**20) as server:
        with pytest.raises(mwbus.InsufficientStorage, match="MESHWRIGHT_STREAMS_GIB"):
            async with asyncio.timeout(20), mwbus.connect(server.url, "tester", timeout=30):
                pass
        async with mwbus.connect(server.url, "tester", gib=0.2) as bus:
            total = sum([(await bus.js.stream_info(name)).config.max_bytes or 0 for name in streams.SHARES])
            assert total == pytest.approx(0.2 * 2**30, abs=10)
        async with mwbus.connect(server.url, "tester") as bus:
            assert (await bus.js.stream_info("EVENTS")).config.max_bytes == int(streams.SHARES["EVENTS"] * 0.2 * 2**30)
        with pytest.raises(mwbus.InsufficientStorage):
            async with mwbus.connect(server.url, "tester", gib=2):
                pass


async def test_a_full_state_stream_forgets_no_document(bus: Any) -> None:
    """At its limit STATE refuses a new document and keeps every old one."""
    await streams.ensure(bus.js, gib=0.0005)
    kept = 0

    def document(number: int) -> str:
        return subjects.fill(subjects.STATE, workspace="w", kind="connection", id=f"c{number}")

    with pytest.raises(mwbus.BusFull):
        while True:
            await bus.publisher.publish(document(kept), PROGRESS)
            kept += 1
    assert await bus.stream_bounds("STATE") == (1, kept)
    assert await bus.last("STATE", document(0)) is not None


async def test_readers_leave_no_consumer_behind(bus: Any) -> None:
    """A tail that ends and a look at a bucket's keys leave nothing in the server."""
    bucket = await mwbus.open_bucket(bus, "facts")
    await bucket.put("a", b"1")
    await bus.publisher.publish(subject(), PROGRESS)
    before = await ledgers.consumers(bus)
    async with contextlib.aclosing(mwbus.tail(bus, "EVENTS")) as batches:
        async for _ in batches:
            assert await ledgers.consumers(bus) == before + 1
            break
    assert await bucket.keys() == ["a"]

    async def none_left() -> bool:
        return await ledgers.consumers(bus) == before

    await eventually(none_left)


async def test_of_two_writers_of_a_key_one_wins(bus: Any) -> None:
    """create and update succeed for one writer and raise Conflict for the other."""
    bucket = await mwbus.open_bucket(bus, "facts")
    revision = await bucket.create("a.b", b"1")
    with pytest.raises(mwbus.Conflict):
        await bucket.create("a.b", b"2")
    await bucket.update("a.b", b"3", revision)
    with pytest.raises(mwbus.Conflict):
        await bucket.update("a.b", b"4", revision)
    entry = await bucket.get("a.b")
    assert entry is not None
    assert entry.value == b"3"
    assert await bucket.keys("a.") == ["a.b"]
    await bucket.delete("a.b")
    assert await bucket.get("a.b") is None


async def test_a_watch_gives_what_is_there_and_then_the_news(bus: Any) -> None:
    """A watch yields present keys, then the mark, then changes and removals."""
    bucket = await mwbus.open_bucket(bus, "facts")
    await bucket.put("p.a", b"1")
    await bucket.put("other", b"1")
    told: list[tuple[str, bytes | None]] = []
    async with asyncio.timeout(30), bucket.watch("p.") as changes:
        async for change in changes:
            told.append((change.key, change.entry.value if change.entry else None))
            if change.key == "":
                await bucket.put("p.b", b"2")
            elif change.key == "p.b" and change.entry:
                await bucket.delete("p.a")
            elif change.entry is None:
                break
    assert told == [("p.a", b"1"), ("", None), ("p.b", b"2"), ("p.a", None)]


async def test_a_lease_passes_on_when_its_holder_dies(bus: Any, nats_server: Any) -> None:
    """Of two candidates for a lease one works; when it vanishes without releasing it the other takes over."""
    working: list[str] = []

    def work(name: str) -> Any:
        async def forever() -> None:
            working.append(name)
            await asyncio.Event().wait()

        return forever

    async with mwbus.connect(nats_server.url, "doomed") as doomed:
        first = asyncio.create_task(leases.hold(doomed, "one", "first", work("first")))
        await eventually(lambda: working == ["first"])
        second = asyncio.create_task(leases.hold(bus, "one", "second", work("second")))
        await asyncio.sleep(0)
        await doomed.client.close()  # no release: as if the process were killed
        await eventually(lambda: working[-1] == "second", timeout=3 * leases.TTL)
        for task in (first, second):
            task.cancel()
        await asyncio.wait({first, second})
    assert working == ["first", "second"]


async def test_a_server_that_is_away_is_reported_in_time(nats_server: Any) -> None:
    """Publishing while the server is away raises BusUnavailable within the given time."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        await nats_server.kill()
        with pytest.raises(mwbus.BusUnavailable):
            async with asyncio.timeout(2.5):
                await bus.publisher.publish(subject(), PROGRESS, timeout=1.0)
        await nats_server.start()
        await bus.publisher.publish(subject(), PROGRESS, timeout=10)


async def test_what_is_heard_wakes_a_waiter(bus: Any) -> None:
    """A waiter for certain wire types is woken by them and by nothing else."""
    async with listening.waiter(bus, subject(), {operations.OperationSucceeded.wire.name}) as wait:
        await bus.publisher.publish(subject(), PROGRESS)
        assert not await wait(0.1)
        await bus.publisher.publish(subject(), operations.OperationSucceeded())
        assert await wait(5)


def test_fresh_ids_sort_by_birth_and_derived_ids_by_nothing() -> None:
    """ULIDs of later milliseconds sort later; the same parts always derive the same id."""
    assert len({ids.fresh() for _ in range(1000)}) == 1000
    assert ids.derived("a", "b") == ids.derived("a", "b") != ids.derived("ab", "")


async def test_a_holder_takes_its_own_lease_up_again(nats_server: Any) -> None:
    """After an outage longer than a lease lasts its holder works again at once, not when its old lease has expired."""
    told: list[str] = []

    async def work() -> None:
        told.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    async with mwbus.connect(nats_server.url, "tester") as bus:
        holding = asyncio.create_task(leases.hold(bus, "one", "me", work))
        await eventually(lambda: told == ["begun"])
        await nats_server.kill()
        await eventually(lambda: told == ["begun", "ended"], timeout=3 * leases.TTL)
        await nats_server.start()
        await eventually(lambda: told == ["begun", "ended", "begun"], timeout=leases.TTL - 1)
        await ending.end(holding)
