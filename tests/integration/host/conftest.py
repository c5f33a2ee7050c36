"""A bus, and workers of the example adapter as real processes."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.asking import Asker
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process

EXAMPLE = Path(__file__).parents[2] / "example"
StartWorker = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
async def asker(nats_server: NatsServer) -> AsyncIterator[Asker]:
    """Somebody who sends commands."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Asker(bus, "example")


@pytest.fixture
async def start_worker(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[StartWorker]:
    """Starts workers; all are gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> WorkerProcess:
            opened = worker_process("example_adapter:example", nats_server.url, tmp_path, EXAMPLE, None, **settings)
            return await stack.enter_async_context(opened)

        yield start
