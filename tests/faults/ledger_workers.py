"""Workers of the ledger adapter that a test kills, pauses and replaces, and what became of the operations."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ledger import Book
from ledger_adapter import Enter, Look

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import listening
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process
from meshwright.schemas import catalog, subjects
from meshwright.schemas import operations as ops
from meshwright.schemas.base import Message

EXAMPLE = Path(__file__).parents[1] / "example"
ACK_WAIT = 1.0


class LedgerWorkers:
    """Workers by their process ids, and a client that sends them commands."""

    def __init__(self, sender: Sender, server: NatsServer, folder: Path, stack: AsyncExitStack) -> None:
        self.sender = sender
        self.bus = sender.bus
        self.book = Book(folder / "book")
        self.folder = folder
        self.workers: dict[int, WorkerProcess] = {}
        self._server = server
        self._stack = stack

    async def start(self, variables: Mapping[str, str] | None = None, **settings: str) -> WorkerProcess:
        """One more worker; `settings` are MESHWRIGHT_* variables in lower case, `variables` any others."""
        settings = {"worker_ack_wait": str(ACK_WAIT), **settings}
        opened = worker_process("ledger_adapter:ledger", self._server.url, self.folder, EXAMPLE, variables, **settings)
        worker = await self._stack.enter_async_context(opened)
        self.workers[worker.process.pid] = worker
        return worker

    def of(self, instance: str) -> WorkerProcess:
        """The worker of that instance name."""
        return self.workers[int(instance.split("-")[-2])]

    async def enter(
        self, mesh: str = "m1", seconds: float = 120, keep_on_failure: bool = False, **arguments: Any
    ) -> str:
        """Ask for entries; the operation."""
        wanted = Enter(folder=str(self.book.folder), **arguments)
        return await self.sender.ask(wanted, mesh=mesh, seconds=seconds, keep_on_failure=keep_on_failure)

    async def look(self, seconds: float = 120, **arguments: Any) -> str:
        """Ask for nothing; the operation."""
        return await self.sender.ask(Look(**arguments), seconds=seconds)

    async def events(self) -> AsyncIterator[tuple[int, str, Message]]:
        """The events of all operations, in stream order: sequence, operation, event."""
        seq, subject = 1, subjects.fill(subjects.EVENTS, origin="ledger", entity="operation")
        while (received := await self.bus.following(subjects.EVENTS.stream, seq, subject)) is not None:
            seq, message = received.seq + 1, received.message()
            if message is not None:
                yield received.seq, subjects.parse(subjects.EVENTS, received.subject)["id"], message

    async def ends(self) -> dict[str, str]:
        """How each operation ended: `succeeded`, `timed_out`."""
        return {
            operation: event.wire.name.split(".")[-2]
            async for _, operation, event in self.events()
            if event.wire.name in catalog.TERMINAL_TYPES
        }

    async def spans(self) -> dict[str, tuple[int, int]]:
        """Of each operation where in the stream its first step began, and where it ended."""
        result: dict[str, tuple[int, int]] = {}
        async for seq, operation, event in self.events():
            if isinstance(event, ops.StepStarted):
                result.setdefault(operation, (seq, 0))
            elif event.wire.name in catalog.TERMINAL_TYPES and operation in result:
                result[operation] = (result[operation][0], seq)
        return result

    async def idle(self) -> bool:
        """Whether every command is acknowledged."""
        info = await self.bus.js.consumer_info("COMMANDS", "adapter-ledger")
        return bool(info.num_pending == 0 and info.num_ack_pending == 0)

    async def settled(self, timeout: float = 60) -> None:
        """Wait until every command is acknowledged."""
        await eventually(self.idle, timeout=timeout, interval=0.2)

    def tracebacks(self) -> list[str]:
        """Logs that hold a traceback."""
        return [path.name for path in self.folder.glob("worker-*.log") if "Traceback" in path.read_text()]


class Heard:
    """The workers' events as they are published, each with the time at which it was received."""

    def __init__(self) -> None:
        self.events: list[tuple[float, Message]] = []
        self._news = asyncio.Event()

    async def hear(self, message: mwbus.Received) -> None:
        """Takes one."""
        result = message.message()
        if result is not None:
            self.events.append((time.monotonic(), result))
            self._news.set()

    async def next(self, kind: type[Message], after: int = 0, timeout: float = 20) -> tuple[int, float, Any]:
        """The first event of that kind from index `after` on: its index, its time, the event."""
        async with asyncio.timeout(timeout):
            while True:
                for index in range(after, len(self.events)):
                    if isinstance(self.events[index][1], kind):
                        return index, *self.events[index]
                self._news.clear()
                await self._news.wait()


@asynccontextmanager
async def heard(ledger_workers: LedgerWorkers) -> AsyncIterator[Heard]:
    """Listen to all operations that are asked within."""
    listener = Heard()
    subject = subjects.fill(subjects.EVENTS, origin="ledger", entity="operation")
    async with listening.listening(ledger_workers.bus, subject, listener.hear):
        await ledger_workers.bus.client.flush()
        yield listener


@asynccontextmanager
async def ledger_workers_running(server: NatsServer, folder: Path) -> AsyncIterator[LedgerWorkers]:
    """A bus with workers of the ledger adapter, none yet; all of it is gone afterwards."""
    async with mwbus.connect(server.url, "api") as bus, AsyncExitStack() as stack:
        yield LedgerWorkers(Sender(bus, "ledger"), server, folder, stack)


def completed(events: list[Message]) -> list[str]:
    """The steps that were published as completed, in stream order."""
    return [event.step for event in events if isinstance(event, ops.StepCompleted)]
