"""A bus, and workers of an adapter as real processes: of the example, or of the one that a module names `ADAPTER`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.sending import Sender
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process

EXAMPLE = Path(__file__).parents[2] / "example"
StartWorker = Callable[..., Awaitable[WorkerProcess]]


@pytest.fixture
def adapter(request: pytest.FixtureRequest) -> str:
    """The adapter that the module is about."""
    return str(getattr(request.module, "ADAPTER", "example"))


@pytest.fixture
async def sender(nats_server: NatsServer, adapter: str) -> AsyncIterator[Sender]:
    """A client that sends commands."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Sender(bus, adapter)


@pytest.fixture
async def start_worker(nats_server: NatsServer, tmp_path: Path, adapter: str) -> AsyncIterator[StartWorker]:
    """Starts workers; all are gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> WorkerProcess:
            opened = worker_process(
                f"{adapter}_adapter:{adapter}", nats_server.url, tmp_path, EXAMPLE, None, **settings
            )
            return await stack.enter_async_context(opened)

        yield start
