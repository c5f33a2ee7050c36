"""A stack for each fault, and somebody who uses its API."""

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


@pytest.fixture
def alone(mongo_server: MongoServer) -> Iterator[Stack]:
    """A stack of the test's own, in which it may kill everything but mongod; nothing is started yet."""
    database = f"test_{uuid.uuid4().hex}"
    with running(mongo_server, database, EXAMPLES) as stack:
        yield stack
    asyncio.run(replica_set.drop_database(mongo_server.url, database))


@pytest.fixture
async def ann(alone: Stack) -> AsyncIterator[Person]:
    """An admin in the default workspace of that stack, once its API runs."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=alone.url, timeout=10, limits=limits) as client:
        yield Person(client, TOKEN, "default")
