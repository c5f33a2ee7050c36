"""The worker: takes commands, runs several at a time, keeps their deliveries alive, and drains on request.

Invariant: at most `max_running` handlers run at once, while those that only wait for their turn cost no slot;
on shutdown nothing new is taken, what runs may finish within the grace time, and the rest goes back to the bus.
"""

import asyncio
import logging

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ending, kit
from meshwright.core.bus import hearing
from meshwright.core.telemetry import tracing
from meshwright.schemas import catalog, operations, subjects
from meshwright.workers.host.cancelling import Cancellations
from meshwright.workers.host.executing import Execution
from meshwright.workers.host.turns import Turns

log = logging.getLogger(__name__)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How much a worker takes on. Times are seconds."""

    max_running: int = 32
    max_attempts: int = 5
    ack_wait: float = 10.0
    """how long a silent worker keeps its commands before another one gets them"""
    grace: float = 20.0
    """how long running operations may go on after SIGTERM"""


class Worker:
    """Serves the commands of one adapter. Use as `await worker.run(stop)`."""

    def __init__(
        self,
        connection: mwbus.Connection,
        adapter: kit.Adapter,
        runtime: kit.Runtime,
        service: object,
        turns: Turns,
        limits: Limits,
    ) -> None:
        self._bus = connection
        self._adapter = adapter
        self._runtime = runtime
        self._service = service
        self._turns = turns
        self._limits = limits
        self._cancellations = Cancellations(connection)
        self._held: dict[str, tuple[mwbus.Job, Execution, asyncio.Task[None]]] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain."""
        async with asyncio.TaskGroup() as group:
            keeper = group.create_task(self._keep_alive())
            async with hearing.listening(self._bus, Cancellations.SUBJECT, self._pass_on):
                taker = group.create_task(self._take(group))
                await stop.wait()
                await ending.end(taker)
                await self._drain()
            await ending.end(keeper)

    async def _take(self, group: asyncio.TaskGroup) -> None:
        slot = asyncio.Semaphore(self._limits.max_running)
        async for job in mwbus.jobs(self._bus, queue(self._adapter.name, self._limits)):
            if job is None:
                continue
            command = _command(job)
            if command is None:
                log.error("command %d of COMMANDS cannot be read: it goes to the dead letters", job.message.seq)
                await job.give_up()
            elif not self._understands(command):
                await job.again(self._limits.ack_wait / 2)  # another version of this adapter may take it
            else:
                execution = Execution(
                    self._bus, self._adapter, self._runtime, self._service, self._turns, self._cancellations, job,
                    command, self._limits.max_attempts,
                )  # fmt: skip
                task = group.create_task(self._execute(job, execution, slot))
                self._held[job.message.reply] = (job, execution, task)

    def _understands(self, command: operations.Command) -> bool:
        entry = self._adapter.operations.get(command.kind)
        return entry is not None and entry.arguments.kind.version == command.version

    async def _execute(self, job: mwbus.Job, execution: Execution, slot: asyncio.Semaphore) -> None:
        command = execution.command
        with (
            tracing.continued(job.message.headers.get("traceparent", "")),
            tracing.span(f"process {command.kind}", operation=command.operation, deliveries=job.message.deliveries),
        ):
            try:
                await execution.run(slot)
            except Exception:  # one operation's trouble must not end the worker: it is redelivered
                log.exception("operation %s stopped unexpectedly and waits for redelivery", command.operation)
            finally:
                self._held.pop(job.message.reply, None)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._limits.ack_wait / 3)
            for job, _, _ in list(self._held.values()):
                await job.keep()

    async def _pass_on(self, message: mwbus.Received) -> None:
        heard = self._cancellations.hear(message)
        for _, execution, _ in list(self._held.values()):
            if heard and execution.command.operation == heard[0]:
                execution.control.cancel(heard[1])

    async def _drain(self) -> None:
        """Let what runs finish within the grace time, then give the rest back at once."""
        tasks = {task for _, _, task in self._held.values()}
        if tasks:
            log.info("draining %d operations, at most %g s", len(tasks), self._limits.grace)
            await asyncio.wait(tasks, timeout=self._limits.grace)
        for job, _, task in list(self._held.values()):
            await ending.end(task)
            await job.again(0)


def queue(adapter: str, limits: Limits) -> mwbus.WorkQueue:
    """The durable consumer that all workers of an adapter share.

    Every attempt may be lost to a crash, so deliveries are allowed for beyond `max_attempts`.
    """
    return mwbus.WorkQueue(
        stream=subjects.COMMANDS.stream,
        name=f"adapter-{adapter}",
        subject=subjects.fill(subjects.COMMANDS, adapter=adapter),
        ack_wait=limits.ack_wait,
        max_deliver=3 * limits.max_attempts,
    )


def _command(job: mwbus.Job) -> operations.Command | None:
    try:
        found = job.message.message()
    except catalog.UndecodableMessage as error:
        log.error("%s", error)
        return None
    return found if isinstance(found, operations.Command) else None
