"""The copies of commands and documents in EVENTS, when the server has lost the originals but not the copies."""

import asyncio
import contextlib
import datetime
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.core.bus.envelope import MESSAGE_ID
from meshwright.core.bus.stream import copying, streams
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import operations as ops
from meshwright.schemas import subjects
from meshwright.schemas.access import Token, TokenWritten
from meshwright.schemas.connections import Connection, ConnectionWritten
from rig.load.ledgers import whole

pytestmark = [pytest.mark.servers]
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


@contextlib.asynccontextmanager
async def maintained(connection: mwbus.Connection) -> AsyncIterator[mwbus.Connection]:
    """The copies of streams are repaired during the block."""
    task = asyncio.create_task(copying.maintain_copies(connection))
    yield connection
    assert not task.done()
    await ending.end(task)


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection that repairs the copies of streams."""
    async with mwbus.connect(nats_server.url, "tester") as connection, maintained(connection):
        yield connection


async def store(bus: mwbus.Connection, stream: str, count: int = 1) -> list[str]:
    """Commands or documents; the ids of their messages."""
    made = [ids.fresh() for _ in range(count)]
    for one in made:
        if stream == subjects.COMMANDS.stream:
            command = ops.Command(
                operation=one, workspace="default", adapter="x", connection="c", mesh="m", kind="k",
                principal="ann", accepted_at=NOW, deadline=NOW,
            )  # fmt: skip
            subject = f"mw.cmd.default.x.c.m.{one}"
            await bus.publisher.publish(subject, command, id=one, expected_last=0, timeout=10)
        else:
            document = Connection(id=f"c{one.lower()}", kind="envoy-fleet")
            written = ConnectionWritten(document=document, principal="ann")
            await bus.publisher.publish(f"mw.state.default.connection.{document.id}", written, id=one, timeout=10)
    return made


async def copies(bus: mwbus.Connection) -> list[str]:
    """The ids of all messages of EVENTS, in their order."""
    return [message.headers[MESSAGE_ID] for message in await whole(bus, subjects.EVENTS.stream)]


def go_back(server: NatsServer, copy: Path, stream: str) -> None:
    """Put the older messages of one stream in the place of the newer ones."""
    [older] = copy.glob(f"**/streams/{stream}/msgs")
    [newer] = server.folder.glob(f"**/streams/{stream}/msgs")
    shutil.rmtree(newer)
    shutil.copytree(older, newer)


async def lose(bus: mwbus.Connection, server: NatsServer, folder: Path, stream: str) -> tuple[list[str], list[str]]:
    """Three messages that stay, and eight that the stream loses after they were copied."""
    kept = await store(bus, stream, 3)
    await eventually(lambda: _are_copied(bus, kept))
    await server.copy_to(folder)
    lost = await store(bus, stream, 8)
    await eventually(lambda: _are_copied(bus, lost))
    await server.kill()
    go_back(server, folder, stream)
    await server.start()
    return kept, lost


@pytest.mark.parametrize("stream", sorted({one.source for one in streams.COPIES}))
async def test_what_gets_an_old_number_is_copied_too(
    bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path, stream: str
) -> None:
    """Everything that is stored after the loss is copied once: where the server believes that it has done so, behind
    that, and after another restart. Only where one takes over from the other the order may be another.
    """
    kept, lost = await lose(bus, nats_server, tmp_path / "copy", stream)
    new = await store(bus, stream, 4)
    await eventually(lambda: _are_copied(bus, new), timeout=60)
    new += await store(bus, stream, 2)
    await eventually(lambda: _are_copied(bus, new), timeout=60)
    await nats_server.kill()
    await nats_server.start()
    new += await store(bus, stream, 12)
    await eventually(lambda: _are_copied(bus, new), timeout=60)
    result = await copies(bus)
    assert result[:11] == kept + lost
    assert sorted(result[11:]) == sorted(new)
    places = [copying.copied_from(message) for message in await whole(bus, subjects.EVENTS.stream)]
    assert [place.seq for place in places[:17] if place] == [*range(1, 12), *range(4, 10)]
    assert sorted(place.seq for place in places[17:] if place) == list(range(10, 22))


@pytest.mark.parametrize("noticed", [False, True])
@pytest.mark.parametrize("stream", sorted({one.source for one in streams.COPIES}))
async def test_what_was_skipped_is_copied_when_the_server_is_ahead_already(
    nats_server: NatsServer, tmp_path: Path, stream: str, noticed: bool
) -> None:
    """The loss was seen by nobody, or the process that saw it ended before it had copied all: the next one does so."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        kept, lost = await lose(bus, nats_server, tmp_path / "copy", stream)
        new: list[str] = []
        if noticed:
            async with maintained(bus):
                new += await store(bus, stream, 4)
                await eventually(lambda: _are_copied(bus, new), timeout=60)
        ahead = await store(bus, stream, 12)
        await eventually(lambda: _are_copied(bus, ahead[-1:]), timeout=60)
        assert not await _are_copied(bus, [*new, *ahead])
        async with maintained(bus):
            await eventually(lambda: _are_copied(bus, [*new, *ahead]), timeout=60)
        assert Counter(await copies(bus)) == Counter([*kept, *lost, *new, *ahead])


async def test_nothing_is_copied_twice_when_nothing_was_lost(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """Restarts of a server that loses nothing, and trimmed originals, leave the copies to the server."""
    made = []
    for _ in range(3):
        made += await store(bus, subjects.COMMANDS.stream, 5)
        await nats_server.kill()
        await nats_server.start()
    await eventually(lambda: _are_copied(bus, made), timeout=60)  # what is purged before that, nobody could copy
    await bus.js.purge_stream(subjects.COMMANDS.stream)
    await nats_server.restart()
    made += await store(bus, subjects.COMMANDS.stream, 5)
    await eventually(lambda: _are_copied(bus, made), timeout=60)
    assert set(Counter(await copies(bus)).values()) == {1}


async def test_secrets_are_not_copied(bus: mwbus.Connection, nats_server: NatsServer, tmp_path: Path) -> None:
    """What the server keeps out of EVENTS is kept out of it here as well."""
    kept = await store(bus, subjects.STATE.stream)
    await nats_server.copy_to(tmp_path / "copy")
    lost = await store(bus, subjects.STATE.stream, 6)
    await eventually(lambda: _are_copied(bus, lost))
    await nats_server.kill()
    go_back(nats_server, tmp_path / "copy", subjects.STATE.stream)
    await nats_server.start()
    token = Token(id="t", sha256="0" * 64, role="viewer", created_at=NOW)
    await bus.publisher.publish("mw.state.default.token.t", TokenWritten(document=token, principal="ann"), timeout=10)
    new = await store(bus, subjects.STATE.stream, 2)
    await eventually(lambda: _are_copied(bus, new), timeout=60)
    assert await copies(bus) == kept + lost + new


@pytest.mark.parametrize(
    ("subject", "copied"),
    [
        ("mw.cmd.default.envoy.local.m1.01JD8X3M5TZ9Q4W7V2K6N0B1CE", "mw.evt.default.commands.operation."),
        ("mw.state.default.design.canary", "mw.evt.default.api.design."),
        ("mw.state.default.token.t1", ""),
        ("mw.evt.default.api.design.canary", ""),
    ],
)
def test_where_a_copy_lies(subject: str, copied: str) -> None:
    """The place is the one that the server's own transforms give."""
    places = [one.place_of(subject) for one in streams.COPIES if one.target == subjects.EVENTS.stream]
    assert "".join(places) == (copied and copied + subject.rpartition(".")[2])


async def _are_copied(bus: mwbus.Connection, wanted: list[str]) -> bool:
    return set(await copies(bus)) >= set(wanted)
