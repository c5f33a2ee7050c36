"""What the attacks are tried on: one running Meshwright with two tenants, for all tests of a process."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from meshwright.core.testing.servers import MongoServer
from rig.intruders import environment as grounds
from rig.intruders.environment import Environment
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack, running


@pytest.fixture(scope="session")
def shared(mongo_server: MongoServer) -> Iterator[Stack]:
    """API, projector, scheduler, notifier and a worker of the scripted adapter; do not kill any of them."""
    with running(mongo_server) as stack:
        stack.start("meshwright-notifier")
        stack.start_all("scripted", worker_max_attempts="1")
        yield stack


@pytest.fixture(scope="session")
def document(shared: Stack) -> dict[str, Any]:
    """The OpenAPI document as it is served."""
    answer: dict[str, Any] = httpx.get(f"{shared.url}/openapi.json").json()
    return answer


@pytest.fixture(scope="session")
def environment(shared: Stack) -> Environment:
    """The stack with two tenants that have something of every kind."""
    return grounds.prepare(shared)


@pytest.fixture(scope="session")
def workspace(shared: Stack) -> str:
    """A workspace with a connection `place` and a design `d`."""

    async def made() -> str:
        async with httpx.AsyncClient(base_url=shared.url, timeout=20) as client:
            person = await Person.apart(client, TOKEN)
            await person.put("/v1/connections/place", {"kind": "envoy-fleet"})
            await person.put("/v1/designs/d", {"description": "d"})
            return person.workspace

    return asyncio.run(made())
