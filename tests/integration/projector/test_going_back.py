"""The database goes back under a living projector: an older copy is put back, or an empty one takes its place."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, store
from meshwright.core.store import checkpoints, generations
from meshwright.core.store.writing import Writer
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import MongoServer, NatsServer
from meshwright.core.testing.workers import WorkerProcess
from rig.stack.projections import Projection

pytestmark = [pytest.mark.servers]
Differences = Callable[[Projection, int], Awaitable[list[str]]]


@pytest.fixture
async def mongo() -> AsyncIterator[MongoServer]:
    """A mongod of this test's own."""
    async with MongoServer() as server:
        yield server


@pytest.fixture
async def projection(nats_server: NatsServer, mongo: MongoServer) -> AsyncIterator[Projection]:
    """An empty projection on it."""
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(mongo.url, "meshwright", timeout=10) as database,
    ):
        yield Projection(bus, database)


@pytest.fixture
async def projector(nats_server: NatsServer, mongo: MongoServer, tmp_path: Path) -> AsyncIterator[WorkerProcess]:
    """A projector that lives through all of it."""
    settings = {"nats_url": nats_server.url, "mongodb_url": mongo.url, "mongodb_database": "meshwright"}
    async with console("meshwright-projector", directory=tmp_path, **settings) as process:
        yield process


async def healed(projection: Projection, generation: int, differences: Differences) -> None:
    """Wait until the rebuilt views are read and nothing is left of others; they hold all that the streams do."""

    async def settled() -> bool:
        names = [name for name in await projection.database.collection_names() if "_g" in name]
        return await generations.live(projection.database) == generation and all(
            name.endswith(f"_g{generation}") for name in names
        )

    await eventually(settled, timeout=40)
    await projection.caught_up(40)
    assert await differences(projection, generation) == []


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "under load"])
async def test_an_older_copy_is_put_back(
    projection: Projection,
    mongo: MongoServer,
    projector: WorkerProcess,
    differences: Differences,
    tmp_path: Path,
    busy: bool,
) -> None:
    """What the copy lacks comes back without a restart, whether or not more is written at that moment."""
    await projection.operations(100)
    await projection.caught_up()
    await mongo.copy_to(tmp_path / "copy")
    await projection.operations(100)
    await projection.caught_up()

    async def load() -> None:
        while True:
            await projection.operations(10, width=2)

    loading = asyncio.create_task(load() if busy else asyncio.sleep(0))
    await mongo.go_back_to(tmp_path / "copy")
    await mongo.start()
    await eventually(lambda: "an older backup of the database was restored" in projector.log.read_text())
    await ending.end(loading)
    await healed(projection, 2, differences)


async def test_an_empty_server_takes_its_place(
    projection: Projection, mongo: MongoServer, projector: WorkerProcess, differences: Differences, tmp_path: Path
) -> None:
    """A mongod that was lost with its disk and set up again at the same address is filled, and its clients
    reconnect.
    """
    await mongo.restart()  # so that it has held more elections than the new one
    await projection.operations(100)
    await projection.caught_up()
    await mongo.kill()
    await asyncio.to_thread(shutil.rmtree, mongo.folder)
    await mongo.start()
    await projection.operations(10)
    await projection.caught_up(40)
    await healed(projection, 2, differences)
    assert projector.process.returncode is None


async def test_a_writer_notices_at_its_next_step(mongo_database: MongoDatabase) -> None:
    """The very batch that meets the older copy finds out; one whose checkpoint others moved on goes on."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as database:
        writer, other = Writer(database, 1), Writer(database, 1)
        old, new, newest = (store.Checkpoint(stream="EVENTS", seq=seq) for seq in (5, 9, 12))
        await writer.advance([old])
        await other.advance([newest])
        await writer.advance([new])
        assert (await writer.position("EVENTS")).seq == 12
        await database.collection("checkpoints").delete_many({})
        await checkpoints.advance(database, 1, old)
        for step in (writer.advance([store.Checkpoint(stream="EVENTS", seq=20)]), writer.position("EVENTS")):
            with pytest.raises(store.DatabaseRestored, match="up to 12, and now only up to 5"):
                await step
        assert (await checkpoints.read(database, 1, "EVENTS")).seq == 5
        await database.collection("checkpoints").delete_many({})
        with pytest.raises(store.DatabaseRestored, match="up to 0"):
            await writer.advance([store.Checkpoint(stream="EVENTS", seq=21)])
