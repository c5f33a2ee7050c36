"""The projector: replayed, shuffled, killed, and rebuilt beside live load; the views must be the same every time."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, store
from meshwright.core.bus.stream.copying import copied_from
from meshwright.core.store import comparing, generations, kinds, provisioning
from meshwright.core.store.writing import Writer
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.connections import Connection, ConnectionWritten
from meshwright.workers.projector.batches import Folder, Tally
from rig.load.ledgers import whole
from rig.stack.projections import Projection, rebuilt_differences

pytestmark = [pytest.mark.faults, pytest.mark.servers]
OPERATIONS = 2000
"""each is five events"""
KILLS = 20
_OF_THE_PLACE = {"seq", "last_seq", "updated_at", "started_at", "finished_at"}
"""what a document says of where and when the stream stored its messages, not of what they said"""


class Scene(msgspec.Struct):
    """A projection, where its servers are, and where projectors write their logs."""

    projection: Projection
    nats_url: str
    database: MongoDatabase
    directory: Path

    def projector(self, *arguments: str, nats_url: str = "", database: str = "") -> Any:
        """A projector process as a context."""
        return console(
            "meshwright-projector",
            *arguments,
            directory=self.directory,
            nats_url=nats_url or self.nats_url,
            mongodb_url=self.database.url,
            mongodb_database=database or self.database.name,
        )

    async def differences(self, generation: int = 1) -> list[str]:
        """How a generation differs from a rebuild."""
        return await rebuilt_differences(
            self.nats_url, self.database.url, self.database.name, generation, self.directory
        )


@pytest.fixture
async def scene(nats_server: NatsServer, mongo_database: MongoDatabase, tmp_path: Path) -> AsyncIterator[Scene]:
    """An empty scene."""
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(mongo_database.url, mongo_database.name, timeout=10) as database,
    ):
        yield Scene(Projection(bus, database), nats_server.url, mongo_database, tmp_path)


async def documents(projection: Projection, count: int) -> None:
    """So many versions of ten documents."""
    for number in range(count):
        document = Connection(id=f"c{number % 10}", kind="consul", labels={"n": str(number)})
        written = ConnectionWritten(document=document, principal="ann")
        await projection.bus.publisher.publish(f"mw.state.default.connection.{document.id}", written)


async def replay(projection: Projection, stream: str, chance: random.Random) -> int:
    """Fold a stream into the live views in cuts of any size, going back at any time as crashes do; events folded."""
    messages = await whole(projection.bus, stream)
    folder = Folder(Writer(projection.database, 1), Tally())
    place = folded = 0
    while place < len(messages):
        batch = messages[place : place + chance.randint(1, 900)]
        writes, _ = await folder.fold(batch)
        await Writer(projection.database, 1).write(writes)
        folded += len(batch)
        place += len(batch)
        if chance.random() < 0.3:
            place -= chance.randint(0, min(place, 1500))
            folder = Folder(Writer(projection.database, 1), Tally())
    return folded


async def test_streams_are_replayed_three_times_side_by_side(scene: Scene, row: Any) -> None:
    """Ten thousand events, folded again by three who were there before, in any cuts: no document differs."""
    projection, chance = scene.projection, random.Random(13)
    async with scene.projector():
        await asyncio.gather(projection.operations(OPERATIONS), documents(projection, 200))
        await projection.caught_up(60)
        replays = (replay(projection, stream, chance) for stream in kinds.STREAMS for _ in range(3))
        folded = sum(await asyncio.gather(*replays))
        await projection.operations(20)
        await projection.caught_up()
    result = await scene.differences()
    row.fault, row.injected, row.runs = "streams replayed", "3 replays at once, random cuts and steps back", folded
    row.duplicated, row.note = len(result), f"{5 * OPERATIONS + 200} events; {len(result)} documents differ"
    assert folded > 3 * 5 * OPERATIONS
    assert result == []


async def test_streams_are_shuffled(scene: Scene, row: Any) -> None:
    """The same messages in another order (each subject's own kept) make the same documents."""
    projection, chance = scene.projection, random.Random(7)
    await asyncio.gather(projection.operations(OPERATIONS), documents(projection, 200))
    messages = [received for stream in (*kinds.STREAMS, "COMMANDS") for received in await whole(projection.bus, stream)]
    by_subject: dict[str, list[mwbus.Received]] = {}
    for received in messages:
        if copied_from(received) is None:
            by_subject.setdefault(received.subject, []).append(received)
    places = [subject for subject, result in by_subject.items() for _ in result]
    chance.shuffle(places)
    other = f"{scene.database.name}_shuffled"
    async with (
        NatsServer() as server,
        mwbus.connect(server.url, "test") as bus,
        store.connect(scene.database.url, other, timeout=10) as database,
        scene.projector(),
        scene.projector(nats_url=server.url, database=other),
    ):
        shuffled = Projection(bus, database)
        for subject in places:
            received = by_subject[subject].pop(0)
            await bus.publisher.store(subject, received.payload, received.headers, 20)
        await asyncio.gather(projection.caught_up(60), shuffled.caught_up(60))
        differing = 0
        for kind in (kinds.OPERATIONS, kinds.CONNECTIONS):
            left, right = await said(projection.database, kind.name), await said(database, kind.name)
            differing += sum(left.get(key) != right.get(key) for key in left.keys() | right.keys())
            assert left
    await provisioning.drop_database(scene.database.url, other)
    row.fault, row.injected = "streams shuffled", "any order of subjects"
    row.runs, row.duplicated, row.note = len(places), differing, f"{differing} documents differ"
    assert differing == 0


async def said(database: store.Database, name: str) -> dict[str, Any]:
    """The documents of a kind without what depends on their place in the stream."""
    collection = database.collection(generations.collection_name(name, 1))
    return {row["_id"]: _plain(row) for row in await collection.find({}).to_list(None)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items() if key not in _OF_THE_PLACE}
    return [_plain(part) for part in value] if isinstance(value, list) else value


async def test_a_projector_is_killed_at_random_points(scene: Scene, row: Any) -> None:
    """kill -9 twenty times under load: the next one goes on without gap or repeat."""
    projection, chance = scene.projection, random.Random(20)
    leases = await mwbus.open_bucket(projection.bus, "mw_leases")
    recovery = 0.0

    async def load() -> None:
        while True:
            await projection.operations(50, width=8)

    async def reached(seq: int) -> bool:
        return (await projection.views.position("EVENTS")).seq >= seq

    loading = asyncio.create_task(load())
    for _ in range(KILLS):
        begin = time.monotonic()
        async with scene.projector() as projector:
            target = (await projection.views.position("EVENTS")).seq + 1
            await eventually(lambda target=target: reached(target))  # type: ignore[misc]
            recovery = max(recovery, time.monotonic() - begin)
            target += chance.randint(0, 400)
            await eventually(lambda target=target: reached(target))  # type: ignore[misc]
            await projector.kill()
        await leases.delete("projector")  # it would expire in five seconds, twenty times
    await ending.end(loading)
    async with scene.projector():
        await projection.caught_up(60)
    first, last = await projection.bus.stream_bounds("EVENTS")
    result = await scene.differences()
    row.fault, row.injected, row.runs = "projector killed", f"kill -9 x{KILLS} under load", KILLS
    row.lost = last - first + 1 - await comparing.count(projection.database, 1, kinds.EVENT_LOG)
    row.duplicated, row.recovery = len(result), recovery
    row.note = f"{last} events; recovery from start of the process, lease free; {len(result)} documents differ"
    assert (row.lost, result) == (0, [])


async def test_a_rebuild_beside_live_load(scene: Scene, row: Any) -> None:
    """Views rebuilt while events keep coming are equal, byte by byte, and are read after one swap."""
    projection = scene.projection
    async with scene.projector() as live:
        begin = time.monotonic()
        await projection.operations(OPERATIONS)
        await projection.caught_up(60)
        live_rate = 5 * OPERATIONS / (time.monotonic() - begin)
        load = asyncio.create_task(projection.operations(OPERATIONS // 2, width=4))
        begin = time.monotonic()
        async with scene.projector("rebuild") as rebuild:
            await eventually(lambda: "is live" in rebuild.log.read_text(), timeout=60)
            replay_rate = (await projection.bus.stream_bounds("EVENTS"))[1] / (time.monotonic() - begin)
            async with asyncio.timeout(30):
                assert await rebuild.process.wait() == 0, rebuild.log.read_text()
        assert await generations.live(projection.database) == 2
        await load
        await projection.caught_up(60)
        await eventually(lambda: "projecting into generation 2" in live.log.read_text())
    result = await scene.differences(2)
    row.fault, row.injected, row.runs = "rebuild beside live load", "", 15 * OPERATIONS // 2
    row.duplicated = len(result)
    row.note = (
        f"replay {replay_rate:.0f} events/s with start, beside load; live {live_rate:.0f} events/s with their "
        f"publishing ({replay_rate / live_rate:.1f}x); {len(result)} documents differ"
    )
    assert result == []
