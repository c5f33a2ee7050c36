"""Pytest fixtures for the real servers: `pytest_plugins = ["meshwright.core.testing.fixtures"]`.

Invariant: no test sees another's data. Each gets its own nats-server (it starts in a few milliseconds) and its own
database on the mongod that the test process shares (it starts in a second or two).
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from meshwright.core.store import provisioning
from meshwright.core.testing import servers

# Show the compared values of a failing conformance test, also in other repositories.
pytest.register_assert_rewrite("meshwright.core.testing.conformance")


@dataclass(frozen=True, kw_only=True)
class MongoDatabase:
    """An empty database for one test."""

    url: str
    name: str


@pytest.fixture
async def nats_server() -> AsyncIterator[servers.NatsServer]:
    """A fresh nats-server with JetStream for this test: it may be killed and restarted freely."""
    async with servers.NatsServer() as server:
        yield server


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[servers.MongoServer]:
    """The test process's mongod. Do not kill it: a test that must starts its own `servers.MongoServer()`."""
    # Not an async fixture: a session outlives each test's loop, and the server is bound to no loop.
    server = servers.MongoServer()
    try:
        asyncio.run(server.start())
        yield server
    finally:
        asyncio.run(server.close())


@pytest.fixture
async def mongo_database(mongo_server: servers.MongoServer) -> AsyncIterator[MongoDatabase]:
    """An empty database on the shared mongod, dropped afterwards."""
    database = MongoDatabase(url=mongo_server.url, name=f"test_{uuid.uuid4().hex}")
    yield database
    await provisioning.drop_database(database.url, database.name)
