"""Jobs: delivered to one worker at a time, until it is acknowledged, given back or terminated."""

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.stream.consuming import Job, open_queue
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed

pytestmark = pytest.mark.servers
STREAM = subjects.EVENTS.stream
QUEUE = mwbus.WorkQueue(stream=STREAM, name="q", subject="mw.evt.>", ack_wait=1.0)
UNHURRIED = msgspec.structs.replace(QUEUE, ack_wait=60.0)
"""nothing comes back by itself while a test runs, however slow the machine is"""


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


async def say(bus: mwbus.Connection, count: int, padding: str = "") -> None:
    """So many messages."""
    for number in range(count):
        subject = subjects.fill(subjects.EVENTS, workspace="w", origin="t", entity="operation", id=f"op{number}")
        await bus.publisher.publish(subject, OperationProgressed(message=f"{number}{padding}"))


async def take(bus: mwbus.Connection, count: int, queue: mwbus.WorkQueue = QUEUE) -> list[Job]:
    """The next jobs, unanswered; what has arrived beyond them goes back."""
    items: list[Job] = []
    async with asyncio.timeout(30), aclosing(mwbus.jobs(bus, queue)) as jobs:
        async for job in jobs:
            if job is not None:
                items.append(job)
            if len(items) == count:
                break
    return items


async def pending(bus: mwbus.Connection) -> tuple[int, int]:
    """How many jobs are out, and how many wait."""
    info = await bus.js.consumer_info(STREAM, "q")
    return int(info.num_ack_pending or 0), int(info.num_pending or 0)


async def is_pending(bus: mwbus.Connection, out: int, waiting: int) -> bool:
    """Whether just so many are out and wait."""
    return await pending(bus) == (out, waiting)


async def test_what_was_fetched_and_not_taken_goes_back_at_once(bus: mwbus.Connection) -> None:
    """A worker that ends with a full queue delays no one: another gets the rest without waiting for the ack wait."""
    await say(bus, 20)
    (one,) = await take(bus, 1, UNHURRIED)
    async with asyncio.timeout(30):
        others = await take(bus, 19, UNHURRIED)
    assert one.message.seq not in {job.message.seq for job in others}
    for job in (one, *others):
        await job.ack()
    await eventually(functools.partial(is_pending, bus, 0, 0))


async def test_what_is_on_its_way_when_a_worker_ends_goes_back_too(bus: mwbus.Connection) -> None:
    """Of messages so large that most are still underway when the first has come, none waits for the ack wait."""
    await say(bus, 20, padding="x" * 40_000)
    (one,) = await take(bus, 1, UNHURRIED)
    others = await take(bus, 19, UNHURRIED)
    assert one.message.seq not in {job.message.seq for job in others}


async def test_of_two_workers_each_job_has_one(bus: mwbus.Connection) -> None:
    """Two who share a queue get every message between them, and none both."""
    await say(bus, 100)
    done: list[int] = []

    async def work() -> None:
        async with aclosing(mwbus.jobs(bus, UNHURRIED, batch=7)) as jobs:
            async for job in jobs:
                if job is not None:
                    done.append(job.message.seq)
                    await job.ack()

    workers = [asyncio.create_task(work()) for _ in range(2)]
    await eventually(lambda: len(done) >= 100)
    await eventually(functools.partial(is_pending, bus, 0, 0))
    await ending.end(*workers)
    assert sorted(done) == list(range(1, 101))


async def test_a_job_that_is_kept_stays_with_its_worker(bus: mwbus.Connection) -> None:
    """While a worker extends the ack wait, no other gets its message; afterwards another one does."""
    queue = msgspec.structs.replace(QUEUE, ack_wait=2.0)
    await say(bus, 1)
    (job,) = await take(bus, 1, queue)
    loop = asyncio.get_running_loop()
    kept_until = loop.time() + 4.5
    async with asyncio.timeout(30), aclosing(mwbus.jobs(bus, queue)) as jobs:
        again = asyncio.ensure_future(anext(jobs))
        while loop.time() < kept_until:
            await job.in_progress()
            await asyncio.wait({again}, timeout=0.1)
            if again.done():
                assert again.result() is None
                again = asyncio.ensure_future(anext(jobs))
        while (result := await again) is None:
            again = asyncio.ensure_future(anext(jobs))
        assert (result.message.seq, result.message.deliveries) == (1, 2)
        await result.ack()


async def test_a_job_comes_again_after_its_pause_and_not_before(bus: mwbus.Connection) -> None:
    """A job given back with a delay is redelivered to any worker then, counted as another delivery."""
    await say(bus, 1)
    (job,) = await take(bus, 1, UNHURRIED)
    loop = asyncio.get_running_loop()
    await job.nak(0.6)
    begin = loop.time()
    (result,) = await take(bus, 1, UNHURRIED)
    assert 0.5 < loop.time() - begin < 20
    assert result.message.deliveries == 2


async def test_what_is_given_up_is_reported_and_never_comes_again(bus: mwbus.Connection) -> None:
    """A terminated job's advisory is stored, names the message, and it is not redelivered."""
    await say(bus, 2)
    first, second = await take(bus, 2, UNHURRIED)
    await first.term()
    await second.ack()
    await eventually(functools.partial(is_pending, bus, 0, 0))

    async def told() -> object:
        return await bus.last("ADVISORIES", "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>")

    advisory = msgspec.json.decode((await eventually(told)).payload)  # type: ignore[attr-defined]
    assert (advisory["stream"], advisory["consumer"], advisory["stream_seq"]) == (STREAM, "q", 1)


async def test_a_queue_that_vanished_is_made_again(bus: mwbus.Connection) -> None:
    """When the server forgets the consumer, everything comes again, instead of nothing for ever."""
    await say(bus, 2)
    seen: list[int] = []
    async with asyncio.timeout(20), aclosing(mwbus.jobs(bus, UNHURRIED)) as jobs:
        async for job in jobs:
            if job is not None:
                seen.append(job.message.seq)
                await job.ack()
            if len(seen) == 2 and job is not None:
                await bus.js.delete_consumer(STREAM, "q")
            if len(seen) == 4:
                break
    assert seen == [1, 2, 1, 2]


async def test_new_settings_of_a_queue_are_taken_over(bus: mwbus.Connection) -> None:
    """A process of a newer version changes how long a job may be silent; where the queue stood is kept."""
    await say(bus, 3)
    for job in await take(bus, 2, UNHURRIED):
        await job.ack()
    newer = msgspec.structs.replace(QUEUE, ack_wait=7.0, max_deliver=9)
    await open_queue(bus, newer)
    config = (await bus.js.consumer_info(STREAM, "q")).config
    assert (config.ack_wait, config.max_deliver) == (7.0, 9)
    assert [job.message.seq for job in await take(bus, 1, newer)] == [3]


async def test_a_queue_that_cannot_be_opened_is_not_hammered(bus: mwbus.Connection) -> None:
    """While the server refuses the consumer its reader gets None at intervals, and retries with a pause."""
    queue = mwbus.WorkQueue(stream="NOWHERE", name="q", subject=">")
    before = bus.client.stats["out_msgs"]
    async with asyncio.timeout(30), aclosing(mwbus.jobs(bus, queue)) as jobs:
        loop = asyncio.get_running_loop()
        begin, heard = loop.time(), 0
        while loop.time() < begin + 0.5:
            assert await anext(jobs) is None
            heard += 1
    assert 2 <= heard <= 10
    assert bus.client.stats["out_msgs"] - before <= 20
