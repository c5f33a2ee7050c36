"""The served operations, and an API client."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from rig.inputs import openapi_walk
from rig.inputs.openapi_walk import Operation
from rig.intruders import environment as grounds
from rig.intruders.environment import Environment, Wishes
from rig.stack.stack import Stack


@pytest.fixture(scope="session")
def served(document: dict[str, Any]) -> list[Operation]:
    """Every operation in it."""
    return openapi_walk.operations(document)


@pytest.fixture(scope="session")
def wishes(environment: Environment, document: dict[str, Any]) -> Wishes:
    """A request for everything of tenant one, for every operation."""
    return asyncio.run(grounds.wishes(environment, document))


@pytest.fixture
async def client(shared: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with httpx.AsyncClient(base_url=shared.url, timeout=20) as result:
        yield result
