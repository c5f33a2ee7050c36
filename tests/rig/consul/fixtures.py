"""Fixtures of tests that need a Consul; a conftest takes those that it needs by name."""

from collections.abc import AsyncIterator

import pytest_asyncio

from testbed import programs
from testbed.consul import ConsulServer
from testbed.fixtures import skip_unless_built


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def consul() -> AsyncIterator[ConsulServer]:
    """One server for a module."""
    skip_unless_built(programs.CONSUL)
    async with ConsulServer() as server:
        yield server
