"""Executing one delivery of one command, from its first event to its last.

Problem: a worker may die, be paused or lose the bus between any two instructions, and a user, the deadline or a failure
of the adapter may end the operation at any moment. Invariant: the delivery is acknowledged only when a terminal event
is stored, by this worker or another process; an operation that does not succeed is undone first, by the worker that
holds it then; a handler that is fenced, or a bus that stays unavailable, leaves it to be redelivered.
"""

import asyncio
import datetime
import logging
from typing import Literal

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.operations import journal as journals
from meshwright.core.telemetry.metrics import Counter
from meshwright.schemas import operations
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from meshwright.workers.host.cancellations import Cancellation, Cancellations
from meshwright.workers.host.command_copies import CommandCopies
from meshwright.workers.host.queues import OperationQueues

log = logging.getLogger(__name__)
BACKOFF = (1.0, 2.0, 5.0, 15.0)
"""seconds before the second, third, … attempt after an unexpected error"""
_REPORT_WAIT_S = 0.5
"""seconds of waiting for a free slot after which an event is published"""
_UNWIND_SECONDS = 30.0
"""seconds that a handler may take to register the undo of its completed steps"""
_DEAD_LETTERED = operations.OperationDeadLettered.wire.name


class WorkerParts(msgspec.Struct, frozen=True, kw_only=True):
    """What all executions of a worker share. `service` is the value of the adapter's own `@service`."""

    bus: mwbus.Connection
    adapter: kit.Adapter
    runtime: kit.Runtime
    service: object
    turns: OperationQueues
    cancellations: Cancellations
    command_copies: CommandCopies
    max_attempts: int
    ended: Counter


class _Unsuccessful(Exception):
    """The operation ends without success."""

    def __init__(
        self,
        end: Literal["failed", "cancelled", "timed_out", "dead_lettered"],
        failure: Failure | None = None,
    ) -> None:
        super().__init__(end)
        self.end = end
        self.failure = failure


class Execution:
    """One delivery of one command. Through `control` the host passes on a cancellation."""

    def __init__(self, equipment: WorkerParts, job: mwbus.Job, command: operations.Command) -> None:
        self._use = equipment
        self._job = job
        self.command = command
        self.control = kit.Control()
        self.journal = kit.Journal(equipment.bus, command)
        self.is_running = False
        """whether the handler or its undoing runs"""
        self._context: kit.Context | None = None
        self._bound: asyncio.Timeout | None = None
        self._had_turn = False
        self._has_slot = False

    async def run(self, slot: asyncio.Semaphore) -> None:
        """Handle the command: wait for its turn and for a `slot`, run it, publish its terminal event, acknowledge."""
        try:
            if await self._run_to_end(slot):
                await self._settle()
        except kit.Fenced as error:
            log.warning("%s; this worker stops", error)
        except mwbus.BusUnavailable as error:
            log.warning("operation %s waits for redelivery: %s", self.command.operation, error)

    def intervene(self, cancellation: Cancellation) -> None:
        """Apply a cancellation that arrived after the execution began."""
        if cancellation.cancel is not None:
            self.control.cancel(cancellation.cancel)
        # A repeated cancellation, as after a reconnect, must not move a time-out that has expired: that is an error.
        if cancellation.has_ended and self._bound is not None and not self._bound.expired():
            self._bound.reschedule(asyncio.get_running_loop().time())

    async def tell_interrupted(self) -> None:
        """Publish that this worker was interrupted, for the worker that resumes. Raises Fenced, BusUnavailable."""
        if self.is_running and not self.journal.history.end:
            await self._publish_queued("interrupted by shutdown; another worker will resume it", interrupted=True)

    async def _settle(self) -> None:
        end = self.journal.history.end.split(".")[-2] if self.journal.history.end else "timed_out"
        self._use.ended.add(self.command.kind, end)
        if self._had_turn:
            await self._use.turns.done(self.command, self._job.message)
        if self.journal.history.end == _DEAD_LETTERED:
            await self._job.term()  # through the server's advisory it becomes a dead letter
        else:
            await self._job.ack()

    async def _run_to_end(self, slot: asyncio.Semaphore) -> bool:
        """Whether the operation has ended; False when another attempt follows."""
        if self._job.message.deliveries > 1:
            await self.journal.read()
        try:
            return await self._prepare(slot)
        except kit.Fenced:
            if self.journal.history.last:
                raise
        # Not the first delivery after all: the consumer was created again and has lost its count. Nothing was done here
        # yet.
        await self.journal.read()
        return await self._prepare(slot)

    async def _prepare(self, slot: asyncio.Semaphore) -> bool:
        history = self.journal.history
        if history.end:
            return True
        cancellation = await self._use.cancellations.find(self.command, self._job.message.seq)
        if cancellation.has_ended and not history.last:
            return True
        if not history.last:
            await self._use.command_copies.wait_for(self._job.message)
        self.intervene(cancellation)
        try:
            return await self._work(slot, 0.0 if cancellation.has_ended else await self._remaining())
        except _Unsuccessful as over:
            await self._undo(over)
            await self.journal.append(self._terminal_event(over))
            return True

    async def _work(self, slot: asyncio.Semaphore, seconds: float) -> bool:
        """Whether the operation has succeeded; False when another attempt follows. Raises _Unsuccessful."""
        try:
            self._check_attempts(seconds)
            async with asyncio.timeout(seconds) as self._bound:
                await self._wait_for_turn()
                try:
                    await self._wait_for(slot)
                    return await self._attempt()
                finally:
                    self._leave(slot)
        except TimeoutError:
            assert self._bound is not None
            if not self._bound.expired():
                raise
            raise _Unsuccessful("timed_out") from None
        except kit.Cancelled:
            raise _Unsuccessful("cancelled") from None
        finally:
            self._bound = None

    async def _remaining(self) -> float:
        """Seconds until the deadline by the server's clock, not the worker's or the client's."""
        allowed = (self.command.deadline - self.command.accepted_at).total_seconds()
        return max(self._job.message.time / 1e9 + allowed - await self._use.bus.clock.now(), 0.0)

    def _check_attempts(self, seconds: float) -> None:
        """Raises _Unsuccessful or kit.Cancelled when no further attempt may be made."""
        history = self.journal.history
        if history.undoing is not None:
            raise _Unsuccessful(history.undoing.end, history.undoing.failure)
        if self.control.is_cancelled:
            raise kit.Cancelled
        if history.stalled_attempts >= self._use.max_attempts:
            raise _Unsuccessful("dead_lettered", history.failure or _died(history.stalled_attempts))
        if not seconds:
            raise _Unsuccessful("timed_out")

    async def _wait_for_turn(self) -> None:
        """Wait until earlier operations of the mesh have ended."""
        if self.command.mutates:
            waits = self._use.turns.wait(self.command, self._job.message.seq, self._publish_waiting)
            await self.control.unless_cancelled(waits)
            self._had_turn = True

    async def _publish_waiting(self, behind: str) -> None:
        reason = f"operation {behind} on mesh {self.command.mesh} was accepted earlier and has not ended yet"
        await self._publish_queued(reason, behind)

    async def _publish_queued(self, reason: str, behind: str | None = None, *, interrupted: bool = False) -> None:
        worker = self._use.runtime.instance
        await self.journal.append(
            operations.OperationQueued(worker=worker, reason=reason, behind=behind, interrupted=interrupted)
        )

    async def _wait_for(self, slot: asyncio.Semaphore) -> None:
        if not slot.locked():
            await self._enter(slot)
            return
        try:
            async with asyncio.timeout(_REPORT_WAIT_S):
                await self.control.unless_cancelled(self._enter(slot))
        except TimeoutError:
            if not self._has_slot:
                await self._publish_queued("the worker is running as many operations as it may")
                await self.control.unless_cancelled(self._enter(slot))

    async def _enter(self, slot: asyncio.Semaphore) -> None:
        await slot.acquire()
        self._has_slot = True  # recorded here: a task that waits for this may be cancelled at this moment

    def _leave(self, slot: asyncio.Semaphore) -> None:
        if self._has_slot:
            self._has_slot = False
            slot.release()

    async def _attempt(self) -> bool:
        """Run the handler once; whether it succeeded, False when another attempt follows. Raises _Unsuccessful."""
        use, history = self._use, self.journal.history
        self.is_running = True
        await self.journal.append(
            operations.OperationStarted(
                worker=use.runtime.instance, adapter_version=use.adapter.version, attempt=history.attempts + 1
            )
        )
        try:
            result = await self._handle()
            await self.journal.append(operations.OperationSucceeded(result=msgspec.to_builtins(result)))
        except (kit.Cancelled, kit.Fenced, mwbus.BusUnavailable):
            raise
        except (kit.Reject, msgspec.ValidationError) as error:
            raise _Unsuccessful("failed", _rejected(error)) from error
        except kit.Retry as retry:
            return await self._schedule_retry(retry.after, retry.failure)
        except Exception as error:  # defects of the adapter: retried, then dead-lettered, never lost
            log.exception("operation %s (%s) failed", self.command.operation, self.command.kind)
            pause = BACKOFF[min(max(history.stalled_attempts, 1), len(BACKOFF)) - 1]
            return await self._schedule_retry(pause, kit.as_failure(error))
        return True

    async def _handle(self) -> object:
        entry = self._use.adapter.operations[self.command.kind]
        self._context = kit.Context(self.command, self._use.runtime, self.journal, self.control, self._use.service)
        arguments = operations.arguments_of(self.command, entry.arguments)
        return await entry.handler(self._context, arguments)

    async def _schedule_retry(self, pause: float, failure: Failure) -> bool:
        """Leave the operation to another attempt. Raises _Unsuccessful when the attempts are exhausted."""
        if self.journal.history.stalled_attempts >= self._use.max_attempts:
            raise _Unsuccessful("dead_lettered", failure)
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=pause)
        await self.journal.append(operations.OperationRetrying(failure=failure, next_attempt_at=at))
        await self._job.nak(pause)
        return False

    async def _undo(self, over: _Unsuccessful) -> None:
        """Undo the completed steps of this attempt and of earlier ones, also of other workers."""
        history = self.journal.history
        if self.command.keep_on_failure or self.control.is_abandoned or not history.not_undone:
            return
        self.is_running = True
        if history.stalled_undos >= self._use.max_attempts:
            for step in reversed(history.not_undone):
                await self.journal.append(operations.StepUndone(step=step, failure=_died(history.stalled_undos)))
            return
        if self._context is None:
            # Published first, so that it counts if the adapter's own code ends this process.
            await self._publish_undoing(over)
            await self._unwind()
        elif self._context.can_undo:
            await self._publish_undoing(over)
        if self._context is not None:
            await self._context.undo_all()

    async def _publish_undoing(self, over: _Unsuccessful) -> None:
        worker = self._use.runtime.instance
        await self.journal.append(operations.OperationUndoing(worker=worker, end=over.end, failure=over.failure))

    async def _unwind(self) -> None:
        """Run the handler through its completed steps, so that it registers the undo of each."""
        self.control.is_unwinding = True
        try:
            async with asyncio.timeout(_UNWIND_SECONDS):
                await self._handle()
        except kit.Cancelled:
            pass  # all completed steps are registered
        except (kit.Fenced, mwbus.BusUnavailable):
            raise
        except Exception:
            log.exception("operation %s: not every step can be undone", self.command.operation)

    def _terminal_event(self, over: _Unsuccessful) -> Message:
        match over.end:
            case "cancelled":
                return journals.cancelled(self.control.request)
            case "timed_out":
                return operations.OperationTimedOut(deadline=self.command.deadline)
            case "failed":
                assert over.failure is not None
                return operations.OperationFailed(failure=over.failure)
            case "dead_lettered":
                assert over.failure is not None
                return operations.OperationDeadLettered(failure=over.failure, command_seq=self._job.message.seq)


def _died(times: int) -> Failure:
    return Failure(
        code="MW1006",
        what=f"The worker exited {times} times while running it",
        cause="The operation crashes the worker's process, or the process was killed each time.",
        remedy="Read the worker's log and check its memory limit; then retry the operation.",
    )


def _rejected(error: kit.Reject | msgspec.ValidationError) -> Failure:
    if isinstance(error, kit.Reject):
        return error.failure
    return Failure(
        code="MW1002",
        what=f"the arguments are invalid: {error}",
        cause="The command was made for another version of this adapter.",
        remedy="Compare with the arguments that the adapter announces at /v1/adapters.",
    )
