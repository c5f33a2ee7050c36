"""What the notifier keeps on the bus, and who of two may go on."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.security import sealing, ssrf
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import access, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.operations import OperationProgressed
from meshwright.schemas.sealing import Sealed
from meshwright.schemas.webhooks import ReplayRequested, Webhook, WebhookWritten
from meshwright.workers.notifier import memory
from meshwright.workers.notifier.backoff import Schedule
from meshwright.workers.notifier.ledger import Ledger, Snapshot, Waiting
from meshwright.workers.notifier.memory import Memory, Superseded
from meshwright.workers.notifier.posting import Poster
from meshwright.workers.notifier.reading import Reader
from meshwright.workers.notifier.signals import Signals
from meshwright.workers.notifier.subscriptions import Subscriptions
from rig.load import ledgers

pytestmark = pytest.mark.servers
BORN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EMPTY = Snapshot(created_at=BORN, since=0, version=1, read=0)
WRITTEN = WebhookWritten(
    document=Webhook(id="w", url="http://127.0.0.1:9/", entities=["operation"]),
    secret=Sealed(key_id="k", nonce=b"", ciphertext=b""),
    created_at=BORN,
    since=0,
    as_of=0,
    principal="ann",
)


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "notifier") as connection:
        yield connection


async def say(bus: mwbus.Connection, message: Message, entity: str = "operation", id: str = "op") -> int:
    """An event of the workspace, by the API; its sequence."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="api", entity=entity, id=id)
    return (await bus.publisher.publish(subject, message)).seq


async def test_of_two_notifiers_only_the_newest_may_write(bus: mwbus.Connection) -> None:
    """One that does not know that another has taken over finds out at its next write, and changes nothing."""
    bucket = await mwbus.open_bucket(bus, memory.BUCKET)
    old, new = Memory(bucket, "default", "w"), Memory(bucket, "default", "w")
    assert await old.read() is None
    await old.write(EMPTY)
    assert await new.read() == EMPTY
    newer = msgspec.structs.replace(EMPTY, read=9, waiting=[Waiting(3, 1, 5.0)])
    await new.write(newer)
    with pytest.raises(Superseded):
        await old.write(msgspec.structs.replace(EMPTY, read=2))
    late = Memory(bucket, "default", "w")
    with pytest.raises(Superseded):  # it has never read, so it must not overwrite
        await late.write(EMPTY)
    assert await late.read() == newer
    await new.forget()
    assert await Memory(bucket, "default", "w").read() is None


async def test_ones_own_write_whose_acknowledgement_was_lost_is_no_other_notifiers(bus: mwbus.Connection) -> None:
    """The same content under a revision that is not known here is one's own, and writing goes on behind it."""
    bucket = await mwbus.open_bucket(bus, memory.BUCKET)
    kept = Memory(bucket, "default", "w")
    await kept.read()
    for snapshot in (EMPTY, msgspec.structs.replace(EMPTY, read=5)):
        await bucket.put("default.w", msgspec.json.encode(snapshot))  # stored, but nobody was told
        await kept.write(snapshot)
    await kept.write(msgspec.structs.replace(EMPTY, read=6))
    result = await Memory(bucket, "default", "w").read()
    assert result is not None
    assert result.read == 6


async def test_a_damaged_ledger_begins_again(bus: mwbus.Connection) -> None:
    """Bytes that are no ledger count as none, and can be replaced by one."""
    bucket = await mwbus.open_bucket(bus, memory.BUCKET)
    await bucket.put("default.w", b"{")
    kept = Memory(bucket, "default", "w")
    assert await kept.read() is None
    await kept.write(EMPTY)
    assert await kept.read() == EMPTY


async def test_a_third_version_finds_the_first_one_gone(bus: mwbus.Connection, tmp_path: Path) -> None:
    """Three versions in a row: the newest begins only when both before it have ended, however slowly the first ends."""
    poster = Poster(sealing.from_file(tmp_path / "keys"), ssrf.policy(""), ssrf.system_resolver, 1.0)
    subscriptions = Subscriptions(bus, poster, Schedule(()))
    stopping, may_stop = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            while not may_stop.is_set():
                try:
                    await may_stop.wait()
                except asyncio.CancelledError:
                    continue

    await bus.publisher.publish("mw.state.default.webhook.w", _deleted())
    (deleted,) = await ledgers.whole(bus, "STATE")
    subscriptions._bucket = await mwbus.open_bucket(bus, memory.BUCKET)
    first = asyncio.create_task(run())
    second = asyncio.create_task(subscriptions._replace(first, ("default", "w"), deleted))
    await stopping.wait()
    third = asyncio.create_task(subscriptions._replace(second, ("default", "w"), deleted))
    await asyncio.wait({third}, timeout=0.4)
    too_early = third.done()
    may_stop.set()
    _, left = await asyncio.wait({first, third}, timeout=30)
    assert not (too_early or left)
    assert second.cancelled()


async def test_a_replay_from_before_the_beginning_is_one_from_the_beginning(bus: mwbus.Connection) -> None:
    """Reading continues from any requested position; one beyond the end is ignored."""
    first = await say(bus, OperationProgressed(message="one"))
    ledger, signals = Ledger(EMPTY), Signals()
    reading = asyncio.create_task(Reader(bus, ledger, signals, "default", WRITTEN).run())
    await eventually(lambda: [one.event for one in ledger.snapshot().waiting] == [first])
    ledger.start(1)
    ledger.settled(first)
    order = ReplayRequested(webhook="w", from_event=-7, events=[0, -3], principal="ann")
    await say(bus, order, entity="webhook", id="w")
    second = await say(bus, OperationProgressed(message="two"))
    await eventually(lambda: [one.event for one in ledger.snapshot().waiting] == [first, second])
    await ending.end(reading)
    assert ledger.rewinds == 1


async def test_a_full_ledger_stops_reading_and_no_order(bus: mwbus.Connection) -> None:
    """While more waits than is held at a time, what a person orders is taken all the same; then reading goes on."""
    events = [await say(bus, OperationProgressed(message=str(number))) for number in range(5)]
    ledger, signals = Ledger(EMPTY), Signals()
    full = [1000 + number for number in range(512)]
    for event in full:
        ledger.take(event)
    reading = asyncio.create_task(Reader(bus, ledger, signals, "default", WRITTEN).run())
    order = ReplayRequested(webhook="w", events=[events[2]], principal="ann")
    await say(bus, order, entity="webhook", id="w")
    await eventually(lambda: events[2] in [one.event for one in ledger.snapshot().waiting])
    assert ledger.read.seq == 0
    for event in full:
        ledger.settled(event)
    signals.room.set()
    await eventually(lambda: [one.event for one in ledger.snapshot().waiting] == events)
    await ending.end(reading)


def _deleted() -> access.ResourceDeleted:
    return access.ResourceDeleted(kind="webhook", id="w", principal="ann")
