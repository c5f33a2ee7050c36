"""Projectors as real processes on a real bus and database."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import comparing, indexes, kinds
from meshwright.core.store.writing import Writer
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.pipeline import Pipeline
from rig.stack.staging import Stage

REPLAYED = 99
"""a generation of the tests' own, folded from the whole streams at the end"""


@pytest.fixture
async def stage(nats_server: NatsServer, mongo_database: MongoDatabase) -> AsyncIterator[Stage]:
    """An empty stage."""
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(mongo_database.url, mongo_database.name, timeout=10) as database,
    ):
        yield Stage(bus, database)


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
def differences() -> Callable[[Stage, int], Awaitable[list[str]]]:
    """How a generation differs from a fresh fold of the whole streams."""

    async def compare(stage: Stage, generation: int) -> list[str]:
        await indexes.ensure(stage.database, REPLAYED)
        writer = Writer(stage.database, REPLAYED)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(Pipeline(stage.bus, writer, stream, Tally()).run()) for stream in kinds.STREAMS]
            for stream in kinds.STREAMS:
                last = (await stage.bus.stream_bounds(stream))[1]

                async def there(name: str = stream, seq: int = last) -> bool:
                    return (await writer.position(name)).seq >= seq

                await eventually(there, timeout=30)
            for task in tasks:
                task.cancel()
        return await comparing.differences(stage.database, generation, REPLAYED)

    return compare
