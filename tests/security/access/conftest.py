"""The served operations, and somebody who asks."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import ground as grounds
import httpx
import openapi_walk
import pytest
from ground import Ground, Wishes
from openapi_walk import Operation

from meshwright.core.testing.running import Stack


@pytest.fixture(scope="session")
def served(document: dict[str, Any]) -> list[Operation]:
    """Every operation in it."""
    return openapi_walk.operations(document)


@pytest.fixture(scope="session")
def wishes(ground: Ground, document: dict[str, Any]) -> Wishes:
    """A request for everything of tenant one, for every operation."""
    return asyncio.run(grounds.wishes(ground, document))


@pytest.fixture
async def client(shared: Stack) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    async with httpx.AsyncClient(base_url=shared.url, timeout=20) as found:
        yield found
