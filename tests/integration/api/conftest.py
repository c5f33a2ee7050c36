"""One running Meshwright for all tests of a process; each test works in a workspace of its own."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from meshwright.core.store import replica_set
from meshwright.core.testing.people import Person
from meshwright.core.testing.running import Stack, running
from meshwright.core.testing.servers import MongoServer
from meshwright.core.testing.stack import TOKEN

EXAMPLES = Path(__file__).parents[2] / "example"


@pytest.fixture(scope="session")
def shared(mongo_server: MongoServer) -> Iterator[Stack]:
    """API, projector, worker, NATS and MongoDB, running; do not kill any of them."""
    database = f"test_{uuid.uuid4().hex}"
    with running(mongo_server, database, EXAMPLES) as stack:
        stack.start_all()
        yield stack
    asyncio.run(replica_set.drop_database(mongo_server.url, database))


@pytest.fixture
def alone(mongo_server: MongoServer) -> Iterator[Stack]:
    """A stack of the test's own, in which it may kill everything but mongod; nothing is started yet."""
    database = f"test_{uuid.uuid4().hex}"
    with running(mongo_server, database, EXAMPLES) as stack:
        yield stack
    asyncio.run(replica_set.drop_database(mongo_server.url, database))


@pytest.fixture
async def admin(shared: Stack) -> AsyncIterator[Person]:
    """An admin of everything, working in a fresh workspace."""
    workspace = f"w{uuid.uuid4().hex[:10]}"
    async with httpx.AsyncClient(base_url=shared.url, timeout=10) as client:
        person = Person(client, TOKEN, workspace)
        await person.put(f"/v1/workspaces/{workspace}", {}, workspace="default")
        await person.until_it_counts()
        yield person
