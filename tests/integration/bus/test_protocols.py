"""What may be relied upon of the bus, held against NATS and against the bus in memory that unit tests use."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.protocols import Bus, Delivery, KeyValue
from meshwright.core.testing import memory
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed

pytestmark = pytest.mark.servers
STREAM = subjects.EVENTS.stream
QUEUE = mwbus.WorkQueue(stream=STREAM, name="q", subject="mw.evt.w.>", ack_wait=1.0)
UNHURRIED = msgspec.structs.replace(QUEUE, ack_wait=60.0)
"""nothing comes back by itself while a test runs, however slow the machine is"""
OTHERS_WILDCARD = "mw.evt.*.t.operation.b"


class Environment(msgspec.Struct, frozen=True):
    """A bus, and what opens its tails, queues and buckets."""

    bus: Bus
    tail: Callable[..., AsyncGenerator[list[mwbus.Received], None]]
    jobs: Callable[[mwbus.WorkQueue], AsyncGenerator[Delivery | None, None]]
    bucket: Callable[[str], Any]

    async def say(self, entity: str, text: str = "said", **more: Any) -> mwbus.Ack:
        """Publish a message about an entity."""
        return await self.bus.publisher.publish(subject(entity), OperationProgressed(message=text), **more)


def subject(entity: str, workspace: str = "w") -> str:
    """Where an entity's messages lie."""
    return subjects.fill(subjects.EVENTS, workspace=workspace, origin="t", entity="operation", id=entity)


@asynccontextmanager
async def on_nats() -> AsyncIterator[Environment]:
    """A server of its own."""
    async with NatsServer() as server, mwbus.connect(server.url, "tester") as bus:

        async def bucket(name: str) -> KeyValue:
            return await mwbus.open_bucket(bus, name, ttl=60)

        yield Environment(
            bus, lambda *given, **more: mwbus.tail(bus, *given, **more), lambda queue: mwbus.jobs(bus, queue), bucket
        )


@asynccontextmanager
async def in_memory() -> AsyncIterator[Environment]:
    """No server."""
    bus = memory.MemoryBus()

    async def bucket(name: str) -> KeyValue:
        return bus.bucket(name, ttl=60)

    yield Environment(
        bus, lambda *given, **more: memory.tail(bus, *given, **more), lambda queue: memory.jobs(bus, queue), bucket
    )


@pytest.fixture(params=[on_nats, in_memory], ids=["nats", "memory"])
async def environment(request: pytest.FixtureRequest) -> AsyncIterator[Environment]:
    """An empty bus of each kind."""
    async with request.param() as result:
        yield result


@pytest.fixture
async def bucket(environment: Environment) -> KeyValue:
    """An empty bucket."""
    result: KeyValue = await environment.bucket("facts")
    return result


async def read(batches: AsyncGenerator[list[mwbus.Received], None], count: int) -> list[int]:
    """The sequences of the first messages of a tail."""
    items: list[int] = []
    async with asyncio.timeout(30), aclosing(batches):
        async for batch in batches:
            items += [one.seq for one in batch]
            if len(items) >= count:
                break
    return items


async def take(environment: Environment, count: int, queue: mwbus.WorkQueue = QUEUE) -> list[Delivery]:
    """The next deliveries."""
    items: list[Delivery] = []
    async with asyncio.timeout(30), aclosing(environment.jobs(queue)) as jobs:
        async for job in jobs:
            if job is not None:
                items.append(job)
            if len(items) == count:
                break
    return items


async def nothing_comes(environment: Environment, queue: mwbus.WorkQueue = QUEUE) -> bool:
    """Whether two seconds go by without a delivery, twice the ack wait."""
    quiet = 0
    async with asyncio.timeout(30), aclosing(environment.jobs(queue)) as jobs:
        async for job in jobs:
            if job is not None:
                return False
            quiet += 1
            if quiet == 2:
                break
    return True


async def test_messages_are_found_by_subject_and_by_place(environment: Environment) -> None:
    """The newest of a subject, the one at a sequence, the next of a filter, and the bounds, with what was said."""
    assert (await environment.bus.stream_bounds(STREAM))[1] == 0
    assert await environment.bus.last(STREAM, subject("a")) is None
    acks = [await environment.say(entity, text) for entity, text in (("a", "1"), ("b", "2"), ("a", "3"))]
    assert [(ack.stream, ack.seq, ack.duplicate) for ack in acks] == [(STREAM, seq, False) for seq in (1, 2, 3)]
    newest = await environment.bus.last(STREAM, subject("a"))
    assert newest
    assert (newest.seq, newest.subject, newest.message()) == (3, subject("a"), OperationProgressed(message="3"))
    assert newest.envelope().source.startswith("meshwright/")
    second = await environment.bus.at(STREAM, 2)
    assert second
    assert second.message() == OperationProgressed(message="2")
    assert await environment.bus.at(STREAM, 4) is None
    following = [await environment.bus.following(STREAM, seq, OTHERS_WILDCARD) for seq in (1, 2, 3)]
    assert [one and one.seq for one in following] == [2, 2, None]
    assert await environment.bus.stream_bounds(STREAM) == (1, 3)


async def test_a_writer_that_expects_what_is_no_more_is_refused(environment: Environment) -> None:
    """Conflict has the present sequence, nothing is stored, and other subjects do not matter."""
    await environment.say("a", expected_last=0)
    await environment.say("b", expected_last=0)
    await environment.say("a", expected_last=1)
    for stale in (0, 1, 2, 9):
        with pytest.raises(mwbus.Conflict) as refusal:
            await environment.say("a", expected_last=stale)
        assert (refusal.value.current, refusal.value.stream) == (3, STREAM)
    assert await environment.bus.stream_bounds(STREAM) == (1, 3)


async def test_of_writers_that_expect_the_same_one_wins(environment: Environment) -> None:
    """Of any number of concurrent writers one stores its message and the others get Conflict."""
    outcomes = await asyncio.gather(*(environment.say("a", expected_last=0) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, mwbus.Ack) for one in outcomes) == 1
    assert sum(isinstance(one, mwbus.Conflict) for one in outcomes) == 9
    assert (await environment.bus.stream_bounds(STREAM))[1] == 1


async def test_an_id_is_stored_once(environment: Environment) -> None:
    """A retry gets the first acknowledgement, also when its own first copy has made its expectation stale."""
    first = await environment.say("a", id="one", expected_last=0)
    assert not first.duplicate
    for expected in (None, 0):
        again = await environment.say("a", id="one", expected_last=expected)
        assert (again.seq, again.duplicate) == (first.seq, True)
    await environment.say("a", id="two", expected_last=1)
    with pytest.raises(mwbus.Conflict):
        await environment.say("a", id="one", expected_last=0)
    assert (await environment.bus.stream_bounds(STREAM))[1] == 2


async def test_what_no_message_can_hold_is_refused(environment: Environment) -> None:
    """It is TooLarge, with the limit, and nothing is stored."""
    with pytest.raises(mwbus.TooLarge, match="1048576"):
        await environment.bus.publisher.store(subject("a"), b"x" * (2**20 + 1), {})
    assert (await environment.bus.stream_bounds(STREAM))[1] == 0


async def test_a_tail_reports_everything_in_order(environment: Environment) -> None:
    """From the start or behind a position, of all subjects or some, what is there and what comes."""
    for entity in "abab":
        await environment.say(entity)
    assert await read(environment.tail(STREAM), 4) == [1, 2, 3, 4]
    assert await read(environment.tail(STREAM, after=mwbus.Position(seq=2)), 2) == [3, 4]
    assert await read(environment.tail(STREAM, subject=[subject("b"), subject("c")]), 2) == [2, 4]
    reading = asyncio.create_task(read(environment.tail(STREAM, after=mwbus.Position(seq=3)), 3))
    await asyncio.sleep(0)
    await environment.say("c")
    await environment.say("c")
    assert await reading == [4, 5, 6]
    result = await read(environment.tail(STREAM, newest=True), 3)
    assert result == [3, 4, 6]


async def test_a_tail_that_waits_says_so_when_asked(environment: Environment) -> None:
    """With `idle` an empty batch is yielded when no message arrives."""
    async with asyncio.timeout(30), aclosing(environment.tail(STREAM, idle=True, patience=0.1)) as batches:
        assert await anext(batches) == []


async def test_a_stream_that_went_back_is_noticed(environment: Environment) -> None:
    """A place behind its end, or one that holds a message of another time, is no place to go on from."""
    await environment.say("a")
    stored = await environment.bus.at(STREAM, 1)
    assert stored
    right = mwbus.Position.at(stored)
    assert right.time
    wrong = msgspec.structs.replace(right, time=right.time.replace(year=2001))
    for place in (wrong, mwbus.Position(seq=2)):
        with pytest.raises(mwbus.Rewound):
            await read(environment.tail(STREAM, after=place), 1)
    await environment.say("a")
    assert await read(environment.tail(STREAM, after=right), 1) == [2]


async def test_a_bucket_compares_and_sets(bucket: KeyValue) -> None:
    """Of two writers one wins, whether they make, change or remove a key."""
    assert await bucket.get("a") is None
    first = await bucket.create("a", b"1")
    with pytest.raises(mwbus.Conflict):
        await bucket.create("a", b"2")
    second = await bucket.update("a", b"2", first)
    assert second > first
    for stale in (bucket.update("a", b"3", first), bucket.delete("a", first), bucket.update("b", b"3", first)):
        with pytest.raises(mwbus.Conflict):
            await stale
    assert await bucket.get("a") == mwbus.Entry(b"2", second)
    outcomes = await asyncio.gather(*(bucket.update("a", b"x", second) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, int) for one in outcomes) == 1


async def test_a_deleted_key_can_be_made_again(bucket: KeyValue) -> None:
    """By `create` and `put`, not by who still has its last revision or wants a key that never was."""
    revision = await bucket.create_unused("a", b"1")
    await bucket.delete("a", revision)
    assert await bucket.get("a") is None
    with pytest.raises(mwbus.Conflict):
        await bucket.update("a", b"2", revision)
    with pytest.raises(mwbus.Conflict):
        await bucket.create_unused("a", b"2")
    await bucket.create("a", b"2")
    await bucket.delete("a")
    await bucket.delete("never")
    await bucket.put("a", b"3")
    answer = await bucket.get("a")
    assert answer
    assert answer.value == b"3"


async def test_keys_are_those_with_a_value(bucket: KeyValue) -> None:
    """Sorted, of a prefix or all."""
    for key in ("b.1", "a.2", "a.1", "a.3"):
        await bucket.put(key, b"x")
    await bucket.delete("a.3")
    assert await bucket.keys() == ["a.1", "a.2", "b.1"]
    assert await bucket.keys("a.") == ["a.1", "a.2"]
    assert await bucket.keys("c") == []


async def test_a_watch_reports_what_is_there_and_then_what_changes(bucket: KeyValue) -> None:
    """Each key once, the mark of their end, then values and deletions as they come; of the prefix alone."""
    await bucket.put("p.a", b"0")
    await bucket.put("p.a", b"1")
    await bucket.put("q.z", b"1")
    told: list[tuple[str, bytes | None, bool]] = []
    async with asyncio.timeout(30), bucket.watch("p.") as changes:
        async for change in changes:
            told.append((change.key, change.entry.value if change.entry else None, change.expired))
            if change.key == "":
                await bucket.put("q.y", b"2")
                await bucket.put("p.b", b"2")
            elif change.key == "p.b" and change.entry:
                await bucket.delete("p.b", change.entry.revision)
            if len(told) == 4:
                break
    assert told == [("p.a", b"1", False), ("", None, False), ("p.b", b"2", False), ("p.b", None, False)]


async def test_a_value_goes_after_its_time(bucket: KeyValue) -> None:
    """Not before; a watch reports that it expired, and the key can be created again."""
    await bucket.create("short", b"1", ttl=1)
    await bucket.create("long", b"1")
    assert await bucket.get("short")
    told: list[tuple[str, bool]] = []
    async with asyncio.timeout(30), bucket.watch() as changes:
        async for change in changes:
            told.append((change.key, change.expired))
            if change.expired:
                break
    assert told == [("short", False), ("long", False), ("", False), ("short", True)]
    assert await bucket.keys() == ["long"]
    await bucket.create("short", b"2")


async def test_workers_share_a_queue(environment: Environment) -> None:
    """Each message goes to one of them, those of other subjects to none, and what is acknowledged does not return."""
    for number in range(6):
        await environment.say(f"op{number}")
    await environment.bus.publisher.publish(subject("x", workspace="other"), OperationProgressed(message=""))
    one, other = await take(environment, 3, UNHURRIED), await take(environment, 3, UNHURRIED)
    assert sorted(job.message.seq for job in (*one, *other)) == [1, 2, 3, 4, 5, 6]
    for job in (*one, *other):
        await job.ack()
    # With the short wait from here on, an acknowledgement that was lost would show.
    assert await nothing_comes(environment)


async def test_what_nobody_ends_is_delivered_again(environment: Environment) -> None:
    """After the ack wait, counted; `in_progress` puts that off."""
    await environment.say("a")
    queue = msgspec.structs.replace(QUEUE, ack_wait=2.0)
    (lost,) = await take(environment, 1, queue)
    assert lost.message.deliveries == 1
    (again,) = await take(environment, 1, queue)
    assert (again.message.seq, again.message.deliveries) == (1, 2)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while loop.time() - begin < 2.5:
        await again.in_progress()
        await asyncio.sleep(0.2)
    await again.ack()
    assert await nothing_comes(environment, queue)


async def test_a_job_can_be_put_off_or_ended(environment: Environment) -> None:
    """`nak` brings it back after a pause and not before, `term` never does."""
    await environment.say("a")
    await environment.say("b")
    later, never = await take(environment, 2, UNHURRIED)
    await never.term()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await later.nak(1.5)
    (back,) = await take(environment, 1, UNHURRIED)
    assert loop.time() - begin > 1.4
    assert (back.message.seq, back.message.deliveries) == (1, 2)
    await back.ack()
    assert await nothing_comes(environment)


async def test_deliveries_have_an_end(environment: Environment) -> None:
    """A message that is never ended comes as often as its queue says, and no more."""
    await environment.say("a")
    queue = msgspec.structs.replace(QUEUE, max_deliver=2)
    seen = [(await take(environment, 1, queue))[0] for _ in range(2)]
    assert [job.message.deliveries for job in seen] == [1, 2]
    await eventually(lambda: nothing_comes(environment, queue))


async def test_a_request_that_nobody_answers_is_refused_at_once(environment: Environment) -> None:
    """Without a subscriber there is no waiting."""
    async with asyncio.timeout(30):
        with pytest.raises(mwbus.NoResponders):
            await environment.bus.ask("mw.srv.nobody.info", b"", None, timeout=20)
