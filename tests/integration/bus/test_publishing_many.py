"""Many messages at once: all are stored or none, and each is known by its sequence."""

from collections.abc import AsyncIterator

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.stream.publishing import Outgoing
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.discovery import ResourceRemoved

pytestmark = pytest.mark.servers


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection with all permissions."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


def outgoing(name: str, expected_last: int = 0, id: str = "") -> Outgoing:
    """A message on a subject of its own."""
    return Outgoing(
        subject=subjects.fill(subjects.SEEN, workspace="w", connection="c", id=name),
        message=ResourceRemoved(id=name, connection="c", kind="Pod", name=name),
        about=name,
        id=id or f"id-{name}-{expected_last}",
        expected_last=expected_last,
    )


async def test_all_are_stored_in_order(bus: mwbus.Connection) -> None:
    """With the sequences that were returned."""
    result = await bus.publisher.publish_all([outgoing(name) for name in "abc"])
    for name, seq in zip("abc", result, strict=True):
        message = await bus.at(subjects.SEEN.stream, seq)
        assert message is not None
        assert message.subject.endswith(f".{name}")
    assert result == sorted(result)


async def test_one_stale_expectation_stores_none(bus: mwbus.Connection) -> None:
    """And each can be published by itself afterwards, under its id."""
    (seq, _) = await bus.publisher.publish_all([outgoing("a"), outgoing("b")])
    before = (await bus.js.stream_info(subjects.SEEN.stream)).state.last_seq
    with pytest.raises(mwbus.Conflict):
        await bus.publisher.publish_all([outgoing("c"), outgoing("a", id="another"), outgoing("d")])
    assert (await bus.js.stream_info(subjects.SEEN.stream)).state.last_seq == before
    (_, again) = await bus.publisher.publish_all([outgoing("c"), outgoing("a", seq)])
    assert again == before + 2


async def test_what_was_stored_without_an_answer_is_not_stored_again(bus: mwbus.Connection) -> None:
    """Published one by one, each is found under its id."""
    messages = [outgoing("a"), outgoing("b")]
    result = await bus.publisher.publish_all(messages)
    for one, seq in zip(messages, result, strict=True):
        ack = await bus.publisher.publish(one.subject, one.message, about=one.about, id=one.id, expected_last=0)
        assert (ack.seq, ack.duplicate) == (seq, True)
