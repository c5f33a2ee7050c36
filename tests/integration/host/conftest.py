"""A bus, and workers of the example adapter as real processes."""

import asyncio
import datetime
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import catalog, operations, subjects
from meshwright.schemas.base import Message

EXAMPLE = Path(__file__).parents[2] / "example"


class Asker:
    """Sends commands and reads what becomes of them, as the API does."""

    def __init__(self, bus: mwbus.Connection) -> None:
        self.bus = bus

    async def ask(self, arguments: operations.Arguments, mesh: str = "m1", seconds: float = 60, **more: Any) -> str:
        """Publish a command; the id of its operation."""
        now = datetime.datetime.now(datetime.UTC)
        command = operations.Command(
            operation=ids.fresh(),
            workspace="default",
            adapter="example",
            connection="local",
            mesh=mesh,
            kind=arguments.kind.name,
            mutates=arguments.kind.mutates,
            arguments=to_builtins(arguments),
            principal="tester",
            accepted_at=now,
            deadline=now + datetime.timedelta(seconds=seconds),
            **more,
        )
        queue = mesh if command.mutates else subjects.UNORDERED
        subject = subjects.fill(
            subjects.COMMANDS, workspace="default", adapter="example", connection="local", queue=queue,
            operation=command.operation,
        )  # fmt: skip
        await self.bus.publisher.publish(subject, command, id=command.operation, expected_last=0)
        return command.operation

    async def cancel(self, operation: str) -> None:
        """Ask for the end of an operation."""
        subject = subjects.fill(
            subjects.EVENTS, workspace="default", origin="api", entity="operation", id=operation
        )
        await self.bus.publisher.publish(subject, operations.CancelRequested(principal="tester"))

    async def events(self, operation: str) -> list[Message]:
        """The events of an operation so far, in stream order."""
        subject = subjects.fill(subjects.EVENTS, workspace="default", entity="operation", id=operation)
        found: list[Message] = []
        seq = 1
        while message := await self.bus.following("EVENTS", seq, subject):
            seq = message.seq + 1
            decoded = message.message()
            assert decoded is not None
            found.append(decoded)
        return found

    async def wait_for(self, operation: str, kind: type[Message], timeout: float = 20) -> list[Message]:
        """The events of an operation once one of that kind is among them."""

        async def told() -> list[Message]:
            events = await self.events(operation)
            return events if any(isinstance(event, kind) for event in events) else []

        return await eventually(told, timeout=timeout)

    async def end(self, operation: str, timeout: float = 20) -> list[Message]:
        """The events of an operation once it has ended."""

        async def ended() -> list[Message]:
            events = await self.events(operation)
            return events if any(event.wire.name in catalog.TERMINAL_TYPES for event in events) else []

        return await eventually(ended, timeout=timeout)


def to_builtins(arguments: operations.Arguments) -> dict[str, Any]:
    """The arguments as plain data."""
    found = msgspec.to_builtins(arguments)
    assert isinstance(found, dict)
    return found


class WorkerProcess:
    """A real `meshwright-adapter` process of the example adapter."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    def signal(self, number: signal.Signals) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    async def stop(self) -> int:
        """End it gracefully; its exit status."""
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        async with asyncio.timeout(30):
            return await self.process.wait()

    async def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()


StartWorker = Callable[..., Awaitable[WorkerProcess]]


@asynccontextmanager
async def worker_process(url: str, directory: Path, **settings: str) -> AsyncIterator[WorkerProcess]:
    """One worker, killed at the end of the block if it still runs."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLE),
        "MESHWRIGHT_NATS_URL": url,
        "MESHWRIGHT_DATA_DIR": str(directory),
        "MESHWRIGHT_WORKER_ACK_WAIT": "2",
        **{f"MESHWRIGHT_{name.upper()}": value for name, value in settings.items()},
    }
    program = Path(sys.executable).with_name("meshwright-adapter")
    log = (directory / f"worker-{ids.fresh()}.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        program, "example_adapter:example", env=environment, stderr=log, stdout=log
    )
    log.close()
    try:
        yield WorkerProcess(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
async def asker(nats_server: NatsServer) -> AsyncIterator[Asker]:
    """Somebody who sends commands."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Asker(bus)


@pytest.fixture
async def start_worker(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[StartWorker]:
    """Starts workers; all are gone after the test."""
    async with AsyncExitStack() as stack:

        async def start(**settings: str) -> WorkerProcess:
            return await stack.enter_async_context(worker_process(nats_server.url, tmp_path, **settings))

        yield start
