"""Projectors as real processes on a real bus and database."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import comparing, indexes, kinds, provisioning
from meshwright.core.store.writing import Writer
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import MongoServer, NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.pipeline import Pipeline
from rig.stack.projections import Projection


@pytest.fixture
async def projection(nats_server: NatsServer, mongo_database: MongoDatabase) -> AsyncIterator[Projection]:
    """An empty projection."""
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(mongo_database.url, mongo_database.name, timeout=10) as database,
    ):
        yield Projection(bus, database)


StartProjector = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
async def start_projector(
    nats_server: NatsServer, mongo_database: MongoDatabase, tmp_path: Path
) -> AsyncIterator[StartProjector]:
    """Starts projector processes; all are gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(*arguments: str, **settings: str) -> WorkerProcess:
            named = {
                "nats_url": nats_server.url,
                "mongodb_url": mongo_database.url,
                "mongodb_database": mongo_database.name,
                **settings,
            }
            opened = console("meshwright-projector", *arguments, directory=tmp_path, **named)
            return await stack.enter_async_context(opened)

        yield start


@pytest.fixture
def differences(mongo_server: MongoServer) -> Callable[[Projection, int], Awaitable[list[str]]]:
    """The differences of a generation to a fresh fold of the whole streams.

    The fold is in a database of its own: a running projector drops every generation of its database but the live one.
    """

    async def compare(projection: Projection, generation: int) -> list[str]:
        name = f"replayed_{uuid.uuid4().hex}"
        async with store.connect(mongo_server.url, name, timeout=10) as fresh:
            await indexes.ensure(fresh, generation)
            writer = Writer(fresh, generation)
            async with asyncio.TaskGroup() as group:
                pipelines = [Pipeline(projection.bus, writer, stream, Tally()) for stream in kinds.STREAMS]
                tasks = [group.create_task(pipeline.run()) for pipeline in pipelines]
                for stream in kinds.STREAMS:
                    last = (await projection.bus.stream_bounds(stream))[1]

                    async def there(name: str = stream, seq: int = last) -> bool:
                        return (await writer.position(name)).seq >= seq

                    await eventually(there, timeout=60)
                for task in tasks:
                    task.cancel()
            result = await comparing.differences(projection.database, generation, generation, fresh)
        await provisioning.drop_database(mongo_server.url, name)
        return result

    return compare
