"""The worker: takes commands, runs several concurrently, keeps their deliveries alive, and drains on request.

Invariant: at most `max_running` handlers run at once, while those that only wait for their turn take no slot; on
shutdown no command is taken, running ones may finish within the grace time, and the rest is given back (nak).
"""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ending, kit
from meshwright.core.bus.client import listening
from meshwright.core.operations import journal
from meshwright.core.telemetry import tracing
from meshwright.core.telemetry.metrics import Counter
from meshwright.schemas import catalog, operations, subjects
from meshwright.workers.host.cancellations import Cancellation, Cancellations
from meshwright.workers.host.command_copies import CommandCopies
from meshwright.workers.host.executing import Execution, WorkerParts
from meshwright.workers.host.queues import OperationQueues

log = logging.getLogger(__name__)
Look = Callable[[operations.Command], Awaitable[Cancellation]]
_RECHECK_S = 1.0
"""seconds between two checks for missed notifications"""
_FIRST_PAUSE = 0.1
"""seconds after which a command that this worker does not support is redelivered; doubled each time"""
_PUBLISH_SECONDS = 1.0
"""seconds that publishing an interruption may take; it is optional, and the worker must end"""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a worker. Times are in seconds."""

    max_running: int = 32
    max_attempts: int = 5
    ack_wait: float = 10.0
    """how long an unresponsive worker keeps its commands before they are redelivered"""
    grace: float = 20.0
    """how long running operations may continue after SIGTERM"""


class Worker:
    """Serves the commands of one adapter. Use as `await worker.run(stop)`."""

    def __init__(
        self,
        connection: mwbus.Connection,
        adapter: kit.Adapter,
        runtime: kit.Runtime,
        service: object,
        turns: OperationQueues,
        limits: Limits,
        ended: Counter,
    ) -> None:
        self._bus = connection
        self._adapter = adapter
        self._limits = limits
        self._cancellations = Cancellations(connection)
        self._equipment = WorkerParts(
            bus=connection,
            adapter=adapter,
            runtime=runtime,
            service=service,
            turns=turns,
            cancellations=self._cancellations,
            command_copies=CommandCopies(connection),
            max_attempts=limits.max_attempts,
            ended=ended,
        )
        self._held: dict[str, tuple[mwbus.Job, Execution, asyncio.Task[None]]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then drain."""
        async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
            listener = self._listener(group)
            for subject in Cancellations.SUBJECTS:
                await stack.enter_async_context(listening.listening(self._bus, subject, listener))
            beside = [group.create_task(self._keep_alive()), group.create_task(self._look_after_reconnects())]
            taker = group.create_task(self._take(group))
            await stop.wait()
            await ending.end(taker)
            await self._drain()
            await ending.end(*beside, *self._looking)

    async def _take(self, group: asyncio.TaskGroup) -> None:
        slot = asyncio.Semaphore(self._limits.max_running)
        async with aclosing(mwbus.jobs(self._bus, queue(self._adapter.name, self._limits))) as jobs:
            async for job in jobs:
                if job is not None:
                    await self._take_one(job, slot, group)

    async def _take_one(self, job: mwbus.Job, slot: asyncio.Semaphore, group: asyncio.TaskGroup) -> None:
        command = _command(job)
        if command is None:
            log.error("command %d of COMMANDS cannot be decoded: it becomes a dead letter", job.message.seq)
            await job.term()
        elif not self._understands(command):
            await self._leave(job, command)
        else:
            execution = Execution(self._equipment, job, command)
            task = group.create_task(self._execute(job, execution, slot))
            self._held[job.message.reply] = (job, execution, task)

    async def _leave(self, job: mwbus.Job, command: operations.Command) -> None:
        """Leave it to another version of this adapter, unless it has ended or was abandoned."""
        try:
            over = await journal.has_ended(self._bus, command) or await _abandoned(self._bus, command)
        except mwbus.BusUnavailable:
            over = False
        await (job.ack() if over else job.nak(self._pause_for_others(job)))

    def _pause_for_others(self, job: mwbus.Job) -> float:
        """Seconds until a command that this worker does not support is redelivered.

        Randomized: the server serves waiting workers in turns, so workers that give commands back in step would get the
        same ones again and again.
        """
        longest = self._limits.ack_wait / 2
        pause = min(_FIRST_PAUSE * 2.0 ** min(job.message.deliveries - 1, 10), longest)
        return pause * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret

    def _understands(self, command: operations.Command) -> bool:
        entry = self._adapter.operations.get(command.kind)
        return entry is not None and operations.understands(entry.arguments, command.version)

    async def _execute(self, job: mwbus.Job, execution: Execution, slot: asyncio.Semaphore) -> None:
        command = execution.command
        with (
            tracing.continued(job.message.headers.get("traceparent", "")),
            tracing.span(f"process {command.kind}", operation=command.operation, deliveries=job.message.deliveries),
        ):
            try:
                await execution.run(slot)
            except Exception:  # an error of one operation must not end the worker: it is redelivered
                log.exception("operation %s stopped unexpectedly and waits for redelivery", command.operation)
            finally:
                self._held.pop(job.message.reply, None)

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._limits.ack_wait / 3)
            for job, _, _ in list(self._held.values()):
                await job.in_progress()

    async def _look_after_reconnects(self) -> None:
        """Read the cancellations that were published while the connection was lost."""
        seen = self._bus.reconnects
        while True:
            await asyncio.sleep(_RECHECK_S)
            if self._bus.reconnects != seen:
                seen = self._bus.reconnects
                for _, execution, _ in list(self._held.values()):
                    await self._pass_on(execution, self._cancellations.stored)

    def _listener(self, group: asyncio.TaskGroup) -> Callable[[mwbus.Received], Awaitable[None]]:
        async def listen(message: mwbus.Received) -> None:
            operation = self._cancellations.record(message)
            for _, execution, _ in list(self._held.values()):
                if execution.command.operation == operation:
                    task = group.create_task(self._pass_on(execution, self._cancellations.confirmed))
                    self._looking.add(task)
                    task.add_done_callback(self._looking.discard)

        return listen

    async def _pass_on(self, execution: Execution, look: Look) -> None:
        """Pass the stored cancellation on to an operation, retrying until the stream can be read."""
        while True:
            try:
                execution.intervene(await look(execution.command))
            except mwbus.BusUnavailable as error:
                log.debug("cannot read cancellations yet: %s", error)
                await asyncio.sleep(_RECHECK_S)
            else:
                return

    async def _drain(self) -> None:
        """Give back waiting commands at once; let running ones finish within the grace time, then give them back
        too.
        """
        await self._give_back([held for held in self._held.values() if not held[1].is_running])
        running = {task for _, _, task in self._held.values()}
        if running:
            log.info("draining %d operations, at most %g s", len(running), self._limits.grace)
            await asyncio.wait(running, timeout=self._limits.grace)
        await self._give_back(list(self._held.values()))

    async def _give_back(self, held: Sequence[tuple[mwbus.Job, Execution, asyncio.Task[None]]]) -> None:
        await ending.end(*(task for _, _, task in held))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PUBLISH_SECONDS):
                await asyncio.gather(*(_publish_interrupted(execution) for _, execution, _ in held))
        for job, execution, _ in held:
            if not execution.journal.history.end:
                await job.nak(0)


async def _abandoned(bus: mwbus.Connection, command: operations.Command) -> bool:
    """Publish the end of an operation that was abandoned, whichever worker had started it. Raises BusUnavailable."""
    request = await journal.cancel_request(bus, command)
    if request is None or not request.abandon:
        return False
    taken_over = kit.Journal(bus, command)
    await taken_over.read()
    try:
        await taken_over.append(journal.cancelled(request))
    except kit.Fenced:
        return False  # another worker is executing it after all; check again later
    return True


async def _publish_interrupted(execution: Execution) -> None:
    with contextlib.suppress(kit.Fenced, mwbus.BusUnavailable):
        await execution.tell_interrupted()


def queue(adapter: str, limits: Limits) -> mwbus.WorkQueue:
    """The durable consumer that all workers of an adapter share.

    The server counts deliveries, and not every delivery is an attempt: an operation may wait through many restarts of
    its workers. So max_deliver is unlimited, attempts are counted in the journal, and the deadline ends what no worker
    takes.
    """
    return mwbus.WorkQueue(
        stream=subjects.ASKED.stream,
        name=subjects.ASKED.name.format(adapter=adapter),
        subject=subjects.ASKED.filter.format(adapter=adapter),
        ack_wait=limits.ack_wait,
        max_deliver=-1,
    )


def _command(job: mwbus.Job) -> operations.Command | None:
    try:
        decoded = job.message.message()
    except catalog.UndecodableMessage as error:
        log.error("%s", error)
        return None
    return decoded if isinstance(decoded, operations.Command) else None
