"""Executing one delivery of one command, from its first event to its last.

Invariant: the delivery is acknowledged only when a terminal event is stored (or somebody else's stands
there); a handler that is fenced, or a bus that stays away, leaves it to be redelivered.
"""

import asyncio
import datetime
import logging

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.kit import journal as journals
from meshwright.core.kit.context import Context, Control
from meshwright.schemas import operations
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from meshwright.workers.host.cancelling import Cancellations
from meshwright.workers.host.turns import Turns

log = logging.getLogger(__name__)
BACKOFF = (1.0, 2.0, 5.0, 15.0)
"""seconds before the second, third, … attempt after an unexpected error"""
_WORTH_TELLING = 0.5
"""seconds of waiting for a free slot that people hear about"""
_UNDO_BOUND = 60.0
"""seconds that undoing may take once the operation has to end"""


class Execution:
    """One attempt at one command. `control` lets the host pass on a cancellation."""

    def __init__(
        self,
        connection: mwbus.Connection,
        adapter: kit.Adapter,
        runtime: kit.Runtime,
        service: object,
        turns: Turns,
        cancellations: Cancellations,
        job: mwbus.Job,
        command: operations.Command,
        max_attempts: int,
    ) -> None:
        self._bus = connection
        self._adapter = adapter
        self._runtime = runtime
        self._service = service
        self._turns = turns
        self._cancellations = cancellations
        self._job = job
        self._max_attempts = max_attempts
        self.command = command
        self.control = Control()
        self.journal = kit.Journal(connection, command)

    async def run(self, slot: asyncio.Semaphore) -> None:
        """See the command through: wait for its turn and for a `slot`, run it, tell its end, acknowledge."""
        try:
            if await self._has_ended_already():
                await self._job.ack()
                return
            ended = await self._run_within_deadline(slot)
        except kit.Fenced as error:
            log.warning("%s; this worker stops", error)
        except mwbus.BusUnavailable as error:
            log.warning("operation %s waits for redelivery: %s", self.command.operation, error)
        else:
            if ended:
                if self.command.mutates:
                    await self._turns.done(self.command, self._job.message.seq)
                await self._job.ack()

    async def _has_ended_already(self) -> bool:
        """Read the journal when this is not the first delivery, and look whether nothing is left to do."""
        if self._job.message.deliveries > 1:
            await self.journal.read()
        elif self.command.retry_of:
            await self._inherit(self.command.retry_of)
        request = await self._cancellations.find(self.command, self._job.message.seq)
        if request is not None:
            self.control.cancel(request)
        return self.journal.history.ended

    async def _inherit(self, operation: str) -> None:
        """A retry goes on where the operation before it stopped: its completed steps count as ours."""
        subject = journals.events_subject(self.command.workspace, self.command.adapter, operation)
        before = await journals.read_history(self._bus, subject)
        kept = {step: result for step, result in before.completed.items() if step not in before.undone}
        self.journal.history.completed.update(kept)

    async def _run_within_deadline(self, slot: asyncio.Semaphore) -> bool:
        """Whether the operation has ended; False when another attempt follows."""
        remaining = (self.command.deadline - datetime.datetime.now(datetime.UTC)).total_seconds()
        context: list[Context] = []
        try:
            async with asyncio.timeout(max(remaining, 0)) as bound:
                await self._wait_for_turn()
                await self._wait_for(slot)
                try:
                    return await self._attempt(context)
                finally:
                    slot.release()
        except TimeoutError:
            if not bound.expired():
                raise
            await self._undo(context)
            await self.journal.append(operations.OperationTimedOut(deadline=self.command.deadline))
            return True
        except kit.Cancelled:
            await self._undo(context)
            await self._tell_cancelled()
            return True

    async def _wait_for_turn(self) -> None:
        """Let earlier operations of the mesh end. One that ran before has its turn, and undoes if cancelled."""
        waits = self._turns.wait(self.command, self._job.message.seq, self._tell_waiting)
        if not self.command.mutates:
            waits.close()
        elif self.journal.history.attempts:
            await waits
        else:
            await self.control.unless_cancelled(waits)

    async def _tell_waiting(self, behind: str) -> None:
        reason = f"operation {behind} on mesh {self.command.mesh} was accepted earlier and has not ended"
        await self._append_first(
            operations.OperationQueued(worker=self._runtime.instance, reason=reason, behind=behind)
        )

    async def _wait_for(self, slot: asyncio.Semaphore) -> None:
        if slot.locked():
            try:
                async with asyncio.timeout(_WORTH_TELLING):
                    await slot.acquire()
            except TimeoutError:
                reason = "the worker is busy with other operations"
                await self._append_first(operations.OperationQueued(worker=self._runtime.instance, reason=reason))
                await slot.acquire()
        else:
            await slot.acquire()
        if self.control.is_cancelled and not self.journal.history.attempts:
            slot.release()
            raise kit.Cancelled

    async def _attempt(self, opened: list[Context]) -> bool:
        """Run the handler once; whether the operation has ended."""
        attempt = self.journal.history.attempts + 1
        await self._append_first(
            operations.OperationStarted(
                worker=self._runtime.instance, adapter_version=self._adapter.version, attempt=attempt
            )
        )
        if self.journal.history.ended:
            return True
        context = Context(self.command, self._runtime, self.journal, self.control, self._service)
        opened.append(context)
        entry = self._adapter.operations[self.command.kind]
        try:
            arguments = msgspec.convert(self.command.arguments, entry.arguments)
            result = await entry.handler(context, arguments)
            await self.journal.append(operations.OperationSucceeded(result=msgspec.to_builtins(result)))
        except (kit.Cancelled, kit.Fenced, mwbus.BusUnavailable):
            raise
        except (kit.Reject, msgspec.ValidationError) as error:
            await self._undo(opened)
            await self.journal.append(operations.OperationFailed(failure=_rejected(error)))
        except kit.Retry as retry:
            return await self._again(opened, attempt, retry.after, retry.failure)
        except Exception as error:  # the adapter's own defects: retried, then dead-lettered, never lost
            log.exception("operation %s (%s) failed", self.command.operation, self.command.kind)
            pause = BACKOFF[min(attempt, len(BACKOFF)) - 1]
            return await self._again(opened, attempt, pause, kit.as_failure(error))
        return True

    async def _append_first(self, message: Message) -> None:
        """Append what may be the operation's first event here; when others stand there, read them and go on."""
        try:
            await self.journal.append(message)
        except kit.Fenced:
            if self.journal.history.last:
                raise
            await self.journal.read()
            if not self.journal.history.ended:
                await self.journal.append(message)

    async def _again(self, opened: list[Context], attempt: int, pause: float, failure: Failure) -> bool:
        if attempt >= self._max_attempts:
            await self._undo(opened)
            dead = operations.OperationDeadLettered(failure=failure, command_seq=self._job.message.seq)
            await self.journal.append(dead)
            await self._job.give_up()
            return True
        at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=pause)
        await self.journal.append(operations.OperationRetrying(failure=failure, next_attempt_at=at))
        await self._job.again(pause)
        return False

    async def _undo(self, opened: list[Context]) -> None:
        if self.command.keep_on_failure:
            return
        for context in opened:
            try:
                async with asyncio.timeout(_UNDO_BOUND):
                    await context.undo_all()
            except TimeoutError:
                log.error("undoing operation %s took longer than %g s", self.command.operation, _UNDO_BOUND)

    async def _tell_cancelled(self) -> None:
        request = self.control.request
        await self._append_first(
            operations.OperationCancelled(
                principal=request.principal if request else "", reason=request.reason if request else ""
            )
        )


def _rejected(error: kit.Reject | msgspec.ValidationError) -> Failure:
    if isinstance(error, kit.Reject):
        return error.failure
    return Failure(
        code="MW1002",
        what=f"the arguments do not fit: {error}",
        cause="The command was made for another version of this adapter.",
        remedy="Compare with the arguments that the adapter announces at /v1/adapters.",
    )


