"""The scheduler as a real process: deadlines, dead letters, workers coming and going."""

import asyncio
import datetime
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.kv import presence
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import dead_letters
from meshwright.schemas import operations as o
from meshwright.schemas.adapters import AdapterAnnouncement, AdapterLost
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from rig.stack import projections

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
StartScheduler = Callable[[], Awaitable[WorkerProcess]]


@pytest.fixture
async def sender(nats_server: NatsServer) -> AsyncIterator[Sender]:
    """A client that sends commands to an adapter without workers."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Sender(bus, "absent")


@pytest.fixture
async def start_scheduler(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[StartScheduler]:
    """Starts schedulers; all are gone after the test."""
    async with AsyncExitStack() as stack:

        async def start() -> WorkerProcess:
            opened = console("meshwright-scheduler", directory=tmp_path, nats_url=nats_server.url)
            return await stack.enter_async_context(opened)

        yield start


async def told(bus: mwbus.Connection, subject: str) -> list[Message]:
    """The events on a subject so far."""
    result, seq = [], 1
    while message := await bus.following("EVENTS", seq, subject):
        seq = message.seq + 1
        decoded = message.message()
        assert decoded is not None
        result.append(decoded)
    return result


async def test_an_operation_without_a_worker_times_out_once(sender: Sender, start_scheduler: StartScheduler) -> None:
    """A passed deadline becomes one timed_out event, and only for an operation that has not ended."""
    await start_scheduler()
    late = await sender.ask(o.RefreshStatus(), seconds=0.5)
    done = await sender.ask(o.RefreshStatus(), seconds=0.5)
    later = await sender.ask(o.RefreshStatus(), seconds=60)
    await sender.bus.publisher.publish(f"mw.evt.default.absent.operation.{done}", o.OperationSucceeded())
    assert kinds(await sender.end(late)) == ["timed_out"]
    again = await sender.ask(o.RefreshStatus(), seconds=0.5)
    assert kinds(await sender.end(again)) == ["timed_out"]
    assert kinds(await sender.events(done)) == ["succeeded"]
    assert kinds(await sender.events(later)) == []


async def test_deadlines_survive_the_scheduler(sender: Sender, start_scheduler: StartScheduler) -> None:
    """An operation accepted before a kill -9, or while no scheduler runs, still times out, and once."""
    first = await start_scheduler()
    before = await sender.ask(o.RefreshStatus(), seconds=2)
    ended = await sender.ask(o.RefreshStatus(), seconds=0.3)
    await sender.end(ended)
    await first.kill()
    between = await sender.ask(o.RefreshStatus(), seconds=0.3)
    await start_scheduler()
    for operation in (before, between, ended):
        assert kinds(await sender.end(operation, timeout=30)) == ["timed_out"]


async def test_a_memory_of_another_past_is_dropped(sender: Sender, start_scheduler: StartScheduler) -> None:
    """A scheduler that remembers more of EVENTS than there is (its server lost some) watches from the start."""
    early = await sender.ask(o.RefreshStatus(), seconds=0.3)
    memory = await mwbus.open_bucket(sender.bus, "mw_scheduler")
    await memory.put("deadlines", b'{"seq": 1000, "open": [], "time": "2026-01-01T00:00:00Z"}')
    scheduler = await start_scheduler()
    later = await sender.ask(o.RefreshStatus(), seconds=0.3)
    for operation in (early, later):
        assert kinds(await sender.end(operation)) == ["timed_out"]
    assert "EVENTS ends at" in scheduler.log.read_text()


async def test_a_command_given_up_becomes_a_dead_letter(
    sender: Sender, start_scheduler: StartScheduler, nats_server: NatsServer
) -> None:
    """A command that was delivered too often or terminated, even while no scheduler ran, is kept and ends once."""
    poison = await sender.ask(o.RefreshStatus())
    unread = await sender.ask(o.RefreshStatus())
    queue = mwbus.WorkQueue(
        stream="COMMANDS", name="test", subject="mw.cmd.*.absent.*.*.*", ack_wait=0.3, max_deliver=2
    )
    async with (
        asyncio.timeout(20),
        mwbus.connect(nats_server.url, "worker") as bus,
        aclosing(mwbus.jobs(bus, queue)) as jobs,
    ):
        async for job in jobs:
            if job is not None and job.message.subject.endswith(unread):
                await job.term()
            if (await bus.stream_bounds("ADVISORIES"))[1] >= 2:
                break
    await start_scheduler()
    for operation in (poison, unread):
        events = await sender.end(operation)
        assert kinds(events) == ["dead_lettered"]
        letter = await sender.bus.last("DEADLETTERS", f"mw.dlq.default.absent.{operation}")
        assert letter is not None
        message = letter.message()
        assert isinstance(message, dead_letters.DeadLetter)
        assert message.operation == operation
        assert message.reason


async def test_an_end_by_the_worker_stands(sender: Sender, start_scheduler: StartScheduler) -> None:
    """The terminal event of a worker is not contradicted, and its dead letter is kept."""
    await start_scheduler()
    queue = mwbus.WorkQueue(stream="COMMANDS", name="test", subject="mw.cmd.*.absent.*.*.*", ack_wait=5)
    failed = await sender.ask(o.RefreshStatus())
    dead = await sender.ask(o.RefreshStatus())
    failure = Failure(code="x", what="it broke")
    ends: dict[str, Message] = {
        failed: o.OperationFailed(failure=failure),
        dead: o.OperationDeadLettered(failure=failure, command_seq=2),
    }
    async for job in mwbus.jobs(sender.bus, queue):
        if job is not None:
            operation = job.message.subject.split(".")[-1]
            await sender.bus.publisher.publish(f"mw.evt.default.absent.operation.{operation}", ends.pop(operation))
            await job.term()
        if not ends:
            break

    async def kept() -> Any:
        return await sender.bus.last("DEADLETTERS", f"mw.dlq.default.absent.{dead}")

    await eventually(kept)
    assert await sender.bus.last("DEADLETTERS", f"mw.dlq.default.absent.{failed}") is None
    assert kinds(await sender.events(dead)) == ["dead_lettered"]
    assert kinds(await sender.events(failed)) == ["failed"]


async def test_workers_coming_and_going_are_reported(sender: Sender, start_scheduler: StartScheduler) -> None:
    """An arrival and a graceful end are published once each, also across a restart of the scheduler."""
    subject = "mw.evt.system.scheduler.adapter.envoy"
    announcement = AdapterAnnouncement(
        name="envoy",
        instance="i1",
        version="1",
        contract=1,
        meshes=["envoy"],
        operations=[],
        intents=[],
        started_at=NOW,
    )
    scheduler = await start_scheduler()
    async with presence.announced(sender.bus, announcement):

        async def arrived() -> bool:
            return await told(sender.bus, subject) == [announcement]

        await eventually(arrived)
        assert await scheduler.stop() == 0
        assert "Traceback" not in scheduler.log.read_text()
        next_one = await start_scheduler()
        await eventually(lambda: "holding the lease" in next_one.log.read_text())
    lost = AdapterLost(name="envoy", instance="i1", graceful=True)

    async def gone() -> bool:
        return len(await told(sender.bus, subject)) > 1

    await eventually(gone)
    assert [type(event) for event in await told(sender.bus, subject)] == [AdapterAnnouncement, AdapterLost]
    last = (await told(sender.bus, subject))[-1]
    assert last in (lost, AdapterLost(name="envoy", instance="i1", graceful=False))


async def test_a_vanished_worker_is_reported(sender: Sender, start_scheduler: StartScheduler) -> None:
    """A worker that was killed, even while no scheduler ran, is published as lost."""
    bucket = await presence.open_presence(sender.bus)
    await bucket.put("envoy.i2", b"not an announcement")
    announcement = AdapterAnnouncement(
        name="envoy", instance="i3", version="1", contract=1, meshes=[], operations=[], intents=[], started_at=NOW
    )
    scheduler = await start_scheduler()
    async with presence.announced(sender.bus, announcement):

        async def arrived() -> bool:
            return bool(await told(sender.bus, "mw.evt.system.scheduler.adapter.envoy"))

        await eventually(arrived)
        await scheduler.kill()
    await start_scheduler()

    async def lost() -> bool:
        events = await told(sender.bus, "mw.evt.system.scheduler.adapter.envoy")
        return any(isinstance(event, AdapterLost) and event.instance == "i3" for event in events)

    await eventually(lost, timeout=25)


async def test_an_unreadable_command_does_not_stop_the_deadlines(
    sender: Sender, start_scheduler: StartScheduler
) -> None:
    """A command that cannot be decoded does not affect the deadlines of others."""
    await start_scheduler()
    subject = "mw.cmd.default.absent.local._.01JD8X3M5TZ9Q4W7V2K6N0B1CE"
    await projections.publish_raw(sender.bus, subject, b"{", o.Command.wire.name)
    late = await sender.ask(o.RefreshStatus(), seconds=0.3)
    assert kinds(await sender.end(late)) == ["timed_out"]
