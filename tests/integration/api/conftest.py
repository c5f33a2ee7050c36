"""One running Meshwright for all tests of a process; each test works in a workspace of its own."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from meshwright.core.testing.servers import MongoServer
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack, running


@pytest.fixture(scope="session")
def shared(mongo_server: MongoServer) -> Iterator[Stack]:
    """API, projector, worker, NATS and MongoDB, running; do not kill any of them."""
    with running(mongo_server) as stack:
        stack.start_all()
        yield stack


@pytest.fixture
async def admin(shared: Stack) -> AsyncIterator[Person]:
    """An admin of everything, working in a fresh workspace."""
    async with httpx.AsyncClient(base_url=shared.url, timeout=30) as client:
        yield await Person.apart(client, TOKEN)
