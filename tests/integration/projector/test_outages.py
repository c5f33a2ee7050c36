"""The projector while its servers are away: it keeps its place and goes on by itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import comparing, kinds
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer, NatsServer
from rig.stack.projections import Projection

pytestmark = pytest.mark.servers


@pytest.fixture
async def own_mongo() -> AsyncIterator[MongoServer]:
    """A mongod of this test's own, to be killed."""
    async with MongoServer() as server:
        yield server


async def test_mongod_killed_under_load(
    nats_server: NatsServer, own_mongo: MongoServer, tmp_path: Path, differences: Any
) -> None:
    """kill -9 and return of mongod under load: reads say so at once, and no event is missing afterwards."""
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(own_mongo.url, "meshwright", timeout=2) as database,
        console(
            "meshwright-projector",
            directory=tmp_path,
            nats_url=nats_server.url,
            mongodb_url=own_mongo.url,
            mongodb_database="meshwright",
        ) as projector,
    ):
        projection = Projection(bus, database)
        load = asyncio.create_task(projection.operations(500))

        async def under_way() -> bool:
            return (await projection.views.position("EVENTS")).seq > 300

        await eventually(under_way)
        await own_mongo.kill()
        async with asyncio.timeout(15):
            with pytest.raises(store.StoreUnavailable):
                await projection.views.get(kinds.MESHES, "default", "demo")
        await load
        await own_mongo.start()
        await projection.caught_up()
        assert projector.process.returncode is None
        first, last = await bus.stream_bounds("EVENTS")
        assert await comparing.count(database, 1, kinds.EVENT_LOG) == last - first + 1 == 2500
        assert await differences(projection, 1) == []


async def test_nats_killed_under_load(
    projection: Projection, nats_server: NatsServer, start_projector: Any, differences: Any
) -> None:
    """kill -9 and return of nats-server under load: the projection goes on and nothing is missing or twice."""
    projector = await start_projector()
    load = asyncio.create_task(projection.operations(400))

    async def under_way() -> bool:
        return (await projection.views.position("EVENTS")).seq > 300

    await eventually(under_way)
    await nats_server.kill()
    await nats_server.start()
    await load
    await projection.caught_up()
    assert projector.process.returncode is None
    first, last = await projection.bus.stream_bounds("EVENTS")
    assert await comparing.count(projection.database, 1, kinds.EVENT_LOG) == last - first + 1 == 2000
    assert await differences(projection, 1) == []


async def test_it_starts_before_mongod(nats_server: NatsServer, own_mongo: MongoServer, tmp_path: Path) -> None:
    """A projector that starts while mongod is away waits for it."""
    await own_mongo.kill()
    settings = {"nats_url": nats_server.url, "mongodb_url": own_mongo.url, "mongodb_database": "meshwright"}
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        console("meshwright-projector", directory=tmp_path, **settings) as projector,
        store.connect(own_mongo.url, "meshwright", timeout=2) as database,
    ):
        projection = Projection(bus, database)
        operation = await projection.operation()
        await eventually(lambda: "does not answer" in projector.log.read_text())
        await own_mongo.start()
        await projection.caught_up()
        assert await projection.views.get(kinds.OPERATIONS, "default", operation) is not None
