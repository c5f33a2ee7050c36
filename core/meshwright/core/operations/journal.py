"""The journal of an operation: its worker's events, which users see and from which a restarted worker resumes.

Problem: a worker may die between any two instructions, and another may already have taken over. Invariant: an event is
appended only behind the last one that this worker has read (expected sequence), so of two workers only one can
continue; a step whose completion is in the journal is never run again.
"""

import asyncio
import logging
from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.bus import envelope
from meshwright.core.operations import origins
from meshwright.core.operations.outcomes import Fenced
from meshwright.schemas import operations, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.catalog import TERMINAL_TYPES
from meshwright.schemas.errors import Failure

_STORE_WITHIN = 60.0
"""seconds in which an event must be stored; the bus may be restarting meanwhile"""
_FULL_RETRY_S = 1.0
"""seconds between two attempts while the stream is full"""
log = logging.getLogger(__name__)


class OperationHistory(msgspec.Struct, kw_only=True):
    """The outcome of earlier attempts."""

    attempts: int = 0
    stalled_attempts: int = 0
    """consecutive attempts, including the newest, that completed no step although their worker was not stopped"""
    begun: list[str] = []
    """steps that may have had an effect, completed or not, in order"""
    completed: dict[str, Any] = {}
    undoing: operations.OperationUndoing | None = None
    """set permanently once the operation is being undone"""
    stalled_undos: int = 0
    """consecutive starts of undoing that undid no step"""
    undone: set[str] = set()
    failure: Failure | None = None
    """the failure of the newest step"""
    end: str = ""
    """wire name of the terminal event"""
    last: int = 0

    def learn(self, message: Message | None, type_name: str) -> None:
        """Apply the next event of the operation."""
        match message:
            case operations.OperationStarted():
                self.attempts = message.attempt
                self.stalled_attempts += 1
            case operations.OperationQueued(interrupted=True):
                self.stalled_attempts = max(self.stalled_attempts - 1, 0)
            case operations.StepStarted():
                self._begin(message.step)
            case operations.StepCompleted():
                self._begin(message.step)
                self.completed[message.step] = message.result
                self.failure = None
                self.stalled_attempts = 0
            case operations.StepFailed():
                self.failure = message.failure
            case operations.OperationUndoing():
                self.undoing = message
                self.stalled_undos += 1
            case operations.StepUndone():
                self.undone.add(message.step)
                self.stalled_undos = 0
        if type_name in TERMINAL_TYPES:
            self.end = type_name

    @property
    def not_undone(self) -> list[str]:
        """The steps that may have had an effect and are not undone, in order."""
        return [step for step in self.begun if step not in self.undone]

    def _begin(self, step: str) -> None:
        if step not in self.begun:
            self.begun.append(step)


class Journal:
    """Appends the events of one operation, fenced by the expected last sequence."""

    def __init__(self, connection: mwbus.Connection, command: operations.Command) -> None:
        self._bus = connection
        self._command = command
        self._lock = asyncio.Lock()
        self.subject = origins.subject(command.workspace, command.adapter, command.operation)
        self.history = OperationHistory()
        self._unconfirmed: list[tuple[str, Message]] = []
        """appends that were interrupted (for example by a cancellation): they may or may not have been stored"""

    async def append(self, message: Message) -> None:
        """Store one event.

        Raises Fenced when another worker wrote meanwhile, BusUnavailable when the bus does not come back.
        """
        async with self._lock:
            if self._unconfirmed:
                await self._resolve_unconfirmed()
            event = ids.fresh()
            while True:
                self._unconfirmed.append((event, message))
                try:
                    ack = await self._store(event, message)
                except mwbus.Conflict as error:
                    self._unconfirmed.pop()
                    before = self.history.last
                    await self._resolve_unconfirmed()  # an interrupted append was stored after it was looked for
                    if self.history.last == before:
                        raise Fenced(f"operation {self._command.operation} was taken over by another worker") from error
                else:
                    self._learn(ack.seq, message)
                    return

    async def _store(self, event: str, message: Message) -> mwbus.Ack:
        """Store one event; while the stream is full, wait for room as long as this worker owns the operation."""
        is_stored = False
        while True:
            try:
                return await self._bus.publisher.publish(
                    self.subject,
                    message,
                    about=f"operations/{self._command.operation}",
                    id=event,
                    expected_last=self.history.last,
                    timeout=_STORE_WITHIN,
                )
            except mwbus.BusFull as error:
                if not is_stored:
                    log.warning("operation %s waits for room in the stream: %s", self._command.operation, error)
                is_stored = True
                await asyncio.sleep(_FULL_RETRY_S)

    def _learn(self, seq: int, message: Message) -> None:
        self._unconfirmed.clear()  # all others expected the sequence before this one, so they are refused
        self.history.last = seq
        self.history.learn(message, message.wire.name)

    async def _resolve_unconfirmed(self) -> int:
        """Read interrupted appends that were stored after all; the sequence of the newest event, 0 without any."""
        newest = await self._bus.last(subjects.EVENTS.stream, self.subject)
        if newest is None:
            return 0
        for event, message in self._unconfirmed:
            if newest.headers.get(envelope.MESSAGE_ID) == event:
                self._learn(newest.seq, message)
                break
        return newest.seq

    async def confirm(self) -> None:
        """Raises Fenced unless the newest event of the operation is this worker's own, BusUnavailable."""
        async with self._lock:
            if await self._resolve_unconfirmed() not in (0, self.history.last):
                raise Fenced(f"operation {self._command.operation} was taken over by another worker")

    async def read(self) -> OperationHistory:
        """Read the existing events, so that appending continues behind them. Raises BusUnavailable."""
        self.history = await read_history(self._bus, self.subject)
        return self.history


async def read_history(connection: mwbus.Connection, subject: str) -> OperationHistory:
    """Fold the events on one operation's subject into its history. Raises BusUnavailable."""
    history = OperationHistory()
    while True:
        message = await connection.following(subjects.EVENTS.stream, history.last + 1, subject)
        if message is None:
            return history
        history.last = message.seq
        history.learn(message.message(), message.type)


async def has_ended(connection: mwbus.StreamReader, command: operations.Command) -> bool:
    """Whether an operation is finished for good. Raises BusUnavailable.

    One that a worker has started ends with a terminal event of that worker or its successor, after it has undone what
    it must; the scheduler's terminal event suffices only for one that was never started.
    """
    for origin in (command.adapter, origins.SCHEDULER):
        subject = origins.subject(command.workspace, origin, command.operation)
        newest = await connection.last(subjects.EVENTS.stream, subject)
        if newest is not None:
            return newest.type in TERMINAL_TYPES
    return False


async def was_ended_by_scheduler(connection: mwbus.Connection, command: operations.Command) -> bool:
    """Whether the scheduler has published a terminal event of an operation. Raises BusUnavailable."""
    subject = origins.subject(command.workspace, origins.SCHEDULER, command.operation)
    return await connection.last(subjects.EVENTS.stream, subject) is not None


async def cancel_request(
    connection: mwbus.Connection, command: operations.Command
) -> operations.CancelRequested | None:
    """The cancellation that was requested for an operation, if any. Raises BusUnavailable."""
    subject = origins.subject(command.workspace, origins.API, command.operation)
    newest = await connection.last(subjects.EVENTS.stream, subject)
    if newest is None or newest.type != operations.CancelRequested.wire.name:
        return None
    message = newest.message()
    return message if isinstance(message, operations.CancelRequested) else None


def cancelled(request: operations.CancelRequested | None) -> operations.OperationCancelled:
    """The terminal event that confirms a cancellation."""
    return operations.OperationCancelled(
        principal=request.principal if request else "", reason=request.reason if request else ""
    )
