"""A client of the API of the stack under fault."""

from collections.abc import AsyncIterator

import httpx
import pytest

from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack


@pytest.fixture
async def ann(alone: Stack) -> AsyncIterator[Person]:
    """An admin in the default workspace of that stack, once its API runs."""
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=0)
    async with httpx.AsyncClient(base_url=alone.url, timeout=30, limits=limits) as client:
        yield Person(client, TOKEN, "default")
