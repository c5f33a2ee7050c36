"""What others say about an operation: heard while listening, looked up otherwise, never overlooked."""

import datetime
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from example_adapter import NoOp

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import listening
from meshwright.core.testing.asking import Asker
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.workers.host.interventions import Interventions


async def accepted(asker: Asker) -> tuple[ops.Command, int]:
    """A fresh command and where it stands in COMMANDS."""
    await asker.ask(NoOp())
    _, last = await asker.bus.stream_bounds(subjects.COMMANDS.stream)
    stored = await asker.bus.at(subjects.COMMANDS.stream, last)
    assert stored is not None
    command = stored.message()
    assert isinstance(command, ops.Command)
    return command, last


async def end_by_scheduler(bus: mwbus.Connection, operation: str) -> None:
    """The scheduler's word."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="scheduler", entity="operation", id=operation)
    await bus.publisher.publish(subject, ops.OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))


@pytest.fixture
async def interventions(asker: Asker) -> AsyncIterator[Interventions]:
    """Interventions that hear what is said."""
    found = Interventions(asker.bus)

    async def hear(message: mwbus.Received) -> None:
        found.hear(message)

    async with AsyncExitStack() as stack:
        for subject in Interventions.SUBJECTS:
            await stack.enter_async_context(listening.listening(asker.bus, subject, hear))
        yield found


async def test_what_was_said_before_is_looked_up(asker: Asker) -> None:
    """A worker that has just come finds a cancellation and the scheduler's verdict in the stream."""
    command, seq = await accepted(asker)
    assert (await Interventions(asker.bus).find(command, seq)).cancel is None
    await asker.cancel(command.operation)
    await end_by_scheduler(asker.bus, command.operation)
    said = await Interventions(asker.bus).find(command, seq)
    assert said.cancel is not None
    assert said.cancel.principal == "tester"
    assert said.is_over


async def test_what_is_said_meanwhile_is_heard(asker: Asker, interventions: Interventions) -> None:
    """Once it listens, a worker knows what is said of later commands without asking the server."""
    first, place = await accepted(asker)
    await interventions.find(first, place)
    command, seq = await accepted(asker)
    await asker.cancel(command.operation)
    await end_by_scheduler(asker.bus, command.operation)

    async def known() -> bool:
        said = await interventions.find(command, seq)
        return said.cancel is not None and said.is_over

    await eventually(known)
    other, behind = await accepted(asker)
    said = await interventions.find(other, behind)
    assert (said.cancel, said.is_over) == (None, False)


async def test_what_is_said_during_an_outage_is_looked_up(
    asker: Asker, interventions: Interventions, nats_server: NatsServer
) -> None:
    """After the connection was lost nothing is taken for unsaid because it was not heard."""
    first, place = await accepted(asker)
    await interventions.find(first, place)
    command, seq = await accepted(asker)
    before = asker.bus.reconnects
    await nats_server.kill()
    await nats_server.start()
    async with mwbus.connect(nats_server.url, "other") as other:
        await Asker(other, "example").cancel(command.operation)
    await eventually(lambda: asker.bus.reconnects > before)
    assert (await interventions.find(command, seq)).cancel is not None


def saying(name: str, operation: str) -> mwbus.Received:
    """Something that is heard of an operation."""
    subject = subjects.fill(subjects.EVENTS, workspace="default", origin="api", entity="operation", id=operation)
    return mwbus.Received(stream="", subject=subject, seq=0, time=0, headers={"ce-type": name}, payload=b"{")


async def test_what_was_heard_and_never_stored_does_not_count(asker: Asker, interventions: Interventions) -> None:
    """A cancellation that the stream refused is none, since whoever sent it was told so; other words are not kept."""
    first, place = await accepted(asker)
    await interventions.find(first, place)
    command, seq = await accepted(asker)
    assert interventions.hear(saying(ops.CancelRequested.wire.name, command.operation)) == command.operation
    assert interventions.hear(saying(ops.OperationProgressed.wire.name, command.operation)) == ""
    assert interventions.hear(saying("dev.meshwright.unknown.v9", command.operation)) == ""
    said = await interventions.find(command, seq)
    assert (said.cancel, said.is_over) == (None, False)
