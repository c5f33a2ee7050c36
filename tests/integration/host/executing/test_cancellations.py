"""Cancellations by the API or the scheduler: received while subscribed, looked up otherwise, never missed."""

import datetime
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from example_adapter import NoOp

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import listening
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.workers.host.cancellations import Cancellations


async def accepted(sender: Sender) -> tuple[ops.Command, int]:
    """A fresh command and where it stands in COMMANDS."""
    await sender.ask(NoOp())
    _, last = await sender.bus.stream_bounds(subjects.COMMANDS.stream)
    stored = await sender.bus.at(subjects.COMMANDS.stream, last)
    assert stored is not None
    command = stored.message()
    assert isinstance(command, ops.Command)
    return command, last


async def end_by_scheduler(bus: mwbus.Connection, operation: str) -> None:
    """The scheduler's terminal event."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="scheduler", entity="operation", id=operation)
    await bus.publisher.publish(subject, ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))


@pytest.fixture
async def cancellations(sender: Sender) -> AsyncIterator[Cancellations]:
    """Cancellations that record what is published."""
    result = Cancellations(sender.bus)

    async def hear(message: mwbus.Received) -> None:
        result.record(message)

    async with AsyncExitStack() as stack:
        for subject in Cancellations.SUBJECTS:
            await stack.enter_async_context(listening.listening(sender.bus, subject, hear))
        yield result


async def test_what_was_said_before_is_looked_up(sender: Sender) -> None:
    """A worker that has just come finds a cancellation and the scheduler's verdict in the stream."""
    command, seq = await accepted(sender)
    assert (await Cancellations(sender.bus).find(command, seq)).cancel is None
    await sender.cancel(command.operation)
    await end_by_scheduler(sender.bus, command.operation)
    cancellation = await Cancellations(sender.bus).find(command, seq)
    assert cancellation.cancel is not None
    assert cancellation.cancel.principal == "tester"
    assert cancellation.has_ended


async def test_what_is_said_meanwhile_is_heard(sender: Sender, cancellations: Cancellations) -> None:
    """Once subscribed, a worker knows cancellations of later commands without a query."""
    first, place = await accepted(sender)
    await cancellations.find(first, place)
    command, seq = await accepted(sender)
    await sender.cancel(command.operation)
    await end_by_scheduler(sender.bus, command.operation)

    async def known() -> bool:
        cancellation = await cancellations.find(command, seq)
        return cancellation.cancel is not None and cancellation.has_ended

    await eventually(known)
    other, behind = await accepted(sender)
    cancellation = await cancellations.find(other, behind)
    assert (cancellation.cancel, cancellation.has_ended) == (None, False)


async def test_what_is_said_during_an_outage_is_looked_up(
    sender: Sender, cancellations: Cancellations, nats_server: NatsServer
) -> None:
    """After the connection was lost, cancellations are looked up in the stream."""
    first, place = await accepted(sender)
    await cancellations.find(first, place)
    command, seq = await accepted(sender)
    before = sender.bus.reconnects
    await nats_server.kill()
    await nats_server.start()
    async with mwbus.connect(nats_server.url, "other") as other:
        await Sender(other, "example").cancel(command.operation)
    await eventually(lambda: sender.bus.reconnects > before)
    assert (await cancellations.find(command, seq)).cancel is not None


def saying(name: str, operation: str) -> mwbus.Received:
    """A message about an operation."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="api", entity="operation", id=operation)
    return mwbus.Received(stream="", subject=subject, seq=0, time=0, headers={"ce-type": name}, payload=b"{")


async def test_what_was_heard_and_never_stored_does_not_count(sender: Sender, cancellations: Cancellations) -> None:
    """A received cancellation that the stream refused does not count; other messages are ignored."""
    first, place = await accepted(sender)
    await cancellations.find(first, place)
    command, seq = await accepted(sender)
    assert cancellations.record(saying(ops.CancelRequested.wire.name, command.operation)) == command.operation
    assert cancellations.record(saying(ops.OperationProgressed.wire.name, command.operation)) == ""
    assert cancellations.record(saying("dev.meshwright.unknown.v9", command.operation)) == ""
    cancellation = await cancellations.find(command, seq)
    assert (cancellation.cancel, cancellation.has_ended) == (None, False)
