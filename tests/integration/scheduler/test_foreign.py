"""Messages of other programs on the bus stop no scheduler: otherwise all deadlines and dead letters would stop."""

import asyncio
import datetime
import functools
from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.kv import presence
from meshwright.core.testing import sending
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations as o
from meshwright.schemas.adapters import AdapterAnnouncement, AdapterLost
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from meshwright.workers.scheduler import verdicts
from meshwright.workers.scheduler.main import watch
from rig.stack import projections

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ODD = "a=b"
"""a token that NATS allows in a subject and Meshwright never uses"""


@pytest.fixture
async def sender(nats_server: NatsServer) -> AsyncIterator[Sender]:
    """A client that sends commands to an adapter without workers."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Sender(bus, "absent")


@pytest.fixture
async def scheduler(sender: Sender) -> AsyncIterator["asyncio.Task[None]"]:
    """The scheduler's work."""
    task = asyncio.create_task(watch(sender.bus))
    yield task
    await ending.end(task)


async def still_works(sender: Sender, scheduler: "asyncio.Task[None]") -> None:
    """Deadlines are still watched."""
    late = await sender.ask(o.RefreshStatus(), seconds=0.1)
    told = asyncio.create_task(sender.end(late))
    await asyncio.wait({told, scheduler}, return_when=asyncio.FIRST_COMPLETED)
    if scheduler.done():
        await ending.end(told)
        scheduler.result()
    assert kinds(await told) == ["timed_out"]


async def is_told(sender: Sender, scheduler: "asyncio.Task[None]", kind: type[Message]) -> bool:
    """Whether the newest event of the adapter `good` is of that kind, or no event will come any more."""
    newest = await sender.bus.last("EVENTS", "mw.evt.system.scheduler.adapter.good")
    return scheduler.done() or (newest is not None and newest.type == kind.wire.name)


def command(seconds: float) -> o.Command:
    """A good command that no worker takes."""
    return sending.command(seconds=seconds, adapter="absent", kind="mesh.status")


@pytest.mark.parametrize("subject", [f"mw.cmd.{ODD}.absent.local._.x", f"mw.cmd.default.absent.local._.{ODD}"])
async def test_a_good_command_in_a_strange_place(sender: Sender, scheduler: "asyncio.Task[None]", subject: str) -> None:
    """A command on an invalid subject is not an operation; its deadline affects no other."""
    await sender.bus.publisher.publish(subject, command(0.0))

    async def copied() -> object:
        return (await sender.bus.stream_bounds("EVENTS"))[1]

    await eventually(copied)
    await still_works(sender, scheduler)


async def test_a_deadline_beyond_all_clocks(sender: Sender, scheduler: "asyncio.Task[None]") -> None:
    """Who wants none and says the year 9999 has none; one from before all times has passed; others are watched on."""
    years = [datetime.datetime(year, 12, 31, 23, 59, 59, 999_999, datetime.UTC) for year in (1, 9999)]
    never = msgspec.structs.replace(command(0.0), accepted_at=datetime.datetime.now(datetime.UTC), deadline=years[1])
    passed = msgspec.structs.replace(command(0.0), accepted_at=years[1], deadline=years[0])
    for one in (never, passed):
        await sender.bus.publisher.publish(f"mw.cmd.default.absent.local._.{one.operation}", one)
    await still_works(sender, scheduler)
    assert kinds(await sender.end(passed.operation)) == ["timed_out"]
    assert kinds(await sender.events(never.operation)) == []


async def test_a_command_in_a_strange_place_that_is_given_up(sender: Sender, scheduler: "asyncio.Task[None]") -> None:
    """The advisory about it is answered by nothing but a line in the log, and does not come again and again."""
    await projections.publish_raw(sender.bus, f"mw.cmd.default.absent.local._.{ODD}", b"{", o.Command.wire.name)
    await projections.publish_raw(sender.bus, "mw.cmd.default.absent.local._.good", b"{", o.Command.wire.name)
    queue = mwbus.WorkQueue(stream="COMMANDS", name="test", subject="mw.cmd.>", ack_wait=30.0)
    async with asyncio.timeout(30), aclosing(mwbus.jobs(sender.bus, queue)) as jobs:
        given_up = 0
        async for job in jobs:
            if job is not None:
                await job.term()
                given_up += 1
            if given_up == 2:
                break

    async def kept() -> object:
        return scheduler.done() or await sender.bus.last("DEADLETTERS", "mw.dlq.default.absent.good")

    await eventually(kept)
    await still_works(sender, scheduler)
    info = await sender.bus.js.consumer_info("ADVISORIES", "scheduler-dead-letters")
    assert (info.num_ack_pending, info.num_pending) == (0, 0)


@pytest.mark.parametrize(("key", "name"), [("envoy.i1", "no.name"), ("envoy.i1", ""), (f"{ODD}.i1", "envoy")])
async def test_a_presence_that_cannot_be_published(
    sender: Sender, scheduler: "asyncio.Task[None]", key: str, name: str
) -> None:
    """An announcement under a name that no subject can hold is left out, when it comes and when it goes."""
    strange = AdapterAnnouncement(
        name=name, instance="i1", version="1", contract=1, meshes=[], operations=[], intents=[], started_at=NOW
    )
    bucket = await presence.open_presence(sender.bus)
    good = msgspec.json.encode(msgspec.structs.replace(strange, name="good"))
    await bucket.put(key, msgspec.json.encode(strange))
    await bucket.put("good.i1", good)
    await eventually(functools.partial(is_told, sender, scheduler, AdapterAnnouncement))
    await bucket.delete(key)
    await bucket.delete("good.i1")
    await eventually(functools.partial(is_told, sender, scheduler, AdapterLost))
    await still_works(sender, scheduler)


async def test_an_advisory_of_any_shape_is_answered_once(sender: Sender, scheduler: "asyncio.Task[None]") -> None:
    """Bytes that are no advisory, and one about a command that is gone, are let go."""
    subject = "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.COMMANDS.test"
    for payload in (b"\xff", b"{}", b'{"type": "x.terminated", "stream_seq": 999}', b'{"type": 1, "stream_seq": 1}'):
        await sender.bus.client.publish(subject, payload)

    async def all_answered() -> bool:
        info = await sender.bus.js.consumer_info("ADVISORIES", "scheduler-dead-letters")
        return bool(info.ack_floor and info.ack_floor.stream_seq == 4 and info.num_ack_pending == 0)

    await eventually(all_answered)
    await still_works(sender, scheduler)


async def test_two_schedulers_at_once_say_everything_once(sender: Sender, scheduler: "asyncio.Task[None]") -> None:
    """With one that lost its lease without noticing beside its successor, each end is published once."""
    second = asyncio.create_task(watch(sender.bus))
    late = [await sender.ask(o.RefreshStatus(), seconds=0.2) for _ in range(5)]
    for operation in late:
        assert kinds(await sender.end(operation)) == ["timed_out"]
    other = o.OperationDeadLettered(failure=Failure(code="x", what="it broke"), command_seq=1)
    assert not await verdicts.end(sender.bus, "default", late[0], other, "")
    await still_works(sender, scheduler)
    assert [kinds(await sender.events(operation)) for operation in late] == [["timed_out"]] * 5
    await ending.end(second)
