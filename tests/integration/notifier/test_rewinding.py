"""Webhooks when STATE goes back: those that it still holds go on, those that it lost are called no more."""

import asyncio
import datetime
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.core.security import sealing, signatures, ssrf
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed
from meshwright.schemas.webhooks import Webhook, WebhookWritten
from meshwright.workers.notifier.backoff import Schedule
from meshwright.workers.notifier.posting import Poster
from meshwright.workers.notifier.subscriptions import Subscriptions
from rig.stack.receiving import Receiver, receiving

pytestmark = pytest.mark.servers
BORN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


async def write(bus: mwbus.Connection, sealer: sealing.Sealer, name: str, receiver: Receiver) -> None:
    """A webhook that wants what happens to operations."""
    written = WebhookWritten(
        document=Webhook(id=name, url=receiver.url, entities=["operation"]),
        secret=signatures.seal(sealer, b"s" * 32, "default", name),
        created_at=BORN,
        since=0,
        as_of=0,
        principal="ann",
    )
    subject = subjects.fill(subjects.STATE, workspace="default", kind="webhook", id=name)
    await bus.publisher.publish(subject, written, timeout=15)


async def say(bus: mwbus.Connection) -> str:
    """An event; its id, which no other has: the sequences of lost ones are given again."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="t", entity="operation", id="op")
    event = ids.fresh()
    await bus.publisher.publish(subject, OperationProgressed(message="said"), id=event, timeout=15)
    return event


def heard(receiver: Receiver) -> set[str]:
    """The events that it got; one is delivered again when the first call took too long."""
    return {call.event["id"] for call in receiver.calls}


async def test_a_state_that_went_back_does_not_end_the_notifier(nats_server: NatsServer, tmp_path: Path) -> None:
    """A power cut that lost a webhook leaves the others running, and nothing is sent to the lost one."""
    sealer = sealing.from_file(tmp_path / "keys")
    poster = Poster(sealer, ssrf.policy("127.0.0.0/8"), ssrf.system_resolver, 2.0)
    async with mwbus.connect(nats_server.url, "notifier") as bus, receiving() as kept, receiving() as lost:
        await write(bus, sealer, "kept", kept)
        await nats_server.copy_to(tmp_path / "copy")
        await write(bus, sealer, "lost", lost)
        notifying = asyncio.create_task(Subscriptions(bus, poster, Schedule((0.1,) * 9)).run())
        try:
            first = await say(bus)
            await eventually(lambda: heard(kept) == heard(lost) == {first})
            await nats_server.go_back_to(tmp_path / "copy")
            await nats_server.start()
            later = await eventually(lambda: say(bus))
            await eventually(lambda: notifying.done() or later in heard(kept))
            assert not notifying.done()
            assert heard(lost) == {first}
        finally:
            await ending.end(notifying)
