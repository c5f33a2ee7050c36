"""The journal of an operation: its worker's events, which are both what people see and what a restart knows.

Problem: a worker may die between any two instructions, and another may already have taken over. Invariant: an
event is appended only behind the last one that this worker saw, so of two workers only one can go on; a step
whose completion is in the journal is never run again.
"""

import asyncio
from typing import Any

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.bus import envelope
from meshwright.core.kit.outcomes import Fenced
from meshwright.schemas import operations, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.catalog import TERMINAL_TYPES
from meshwright.schemas.errors import Failure

_PATIENCE = 60.0
"""seconds an event may take to be stored; the bus may be restarting meanwhile"""


class History(msgspec.Struct, kw_only=True):
    """What earlier attempts left behind."""

    attempts: int = 0
    completed: dict[str, Any] = {}
    undone: set[str] = set()
    failure: Failure | None = None
    ended: bool = False
    last: int = 0

    def learn(self, message: Message | None, type_name: str) -> None:
        """Take in the next event of the operation."""
        match message:
            case operations.OperationStarted():
                self.attempts = message.attempt
            case operations.StepCompleted():
                self.completed[message.step] = message.result
                self.failure = None
            case operations.StepFailed():
                self.failure = message.failure
            case operations.StepUndone():
                self.undone.add(message.step)
        self.ended = self.ended or type_name in TERMINAL_TYPES


class Journal:
    """Appends the events of one operation under the fence."""

    def __init__(self, connection: mwbus.Connection, command: operations.Command) -> None:
        self._bus = connection
        self._command = command
        self._lock = asyncio.Lock()
        self.subject = events_subject(command.workspace, command.adapter, command.operation)
        self.history = History()

    async def append(self, message: Message) -> None:
        """Store one event.

        Raises Fenced when another worker wrote meanwhile, BusUnavailable when the bus stays away.
        """
        async with self._lock:
            try:
                ack = await self._bus.publisher.publish(
                    self.subject,
                    message,
                    about=f"operations/{self._command.operation}",
                    expected_last=self.history.last,
                    timeout=_PATIENCE,
                )
            except mwbus.Conflict as error:
                raise Fenced(f"operation {self._command.operation} was taken over by another worker") from error
            self.history.last = ack.seq
            self.history.learn(message, message.wire.name)

    async def read(self) -> History:
        """Read what is there, so that appending continues behind it. Raises BusUnavailable."""
        self.history = await read_history(self._bus, self.subject)
        return self.history


async def read_history(connection: mwbus.Connection, subject: str) -> History:
    """What the events on one operation's subject amount to. Raises BusUnavailable."""
    history = History()
    while True:
        found = await connection.following(subjects.EVENTS.stream, history.last + 1, subject)
        if found is None:
            return history
        history.last = found.seq
        history.learn(found.message(), found.type)


async def has_ended(connection: mwbus.Connection, command: operations.Command) -> bool:
    """Whether the worker or the scheduler has told the end of an operation. Raises BusUnavailable."""
    for origin in (command.adapter, "scheduler"):
        subject = events_subject(command.workspace, origin, command.operation)
        found = await connection.last(subjects.EVENTS.stream, subject)
        if found is not None and found.type in TERMINAL_TYPES:
            return True
    return False


async def cancel_request(
    connection: mwbus.Connection, command: operations.Command
) -> operations.CancelRequested | None:
    """The cancellation that somebody asked for, if any. Raises BusUnavailable."""
    subject = events_subject(command.workspace, "api", command.operation)
    found = await connection.last(subjects.EVENTS.stream, subject)
    if found is None or found.type != operations.CancelRequested.wire.name:
        return None
    message = found.message()
    return message if isinstance(message, operations.CancelRequested) else None


def events_subject(workspace: str, origin: str, operation: str) -> str:
    """Where `origin` tells what happens to an operation."""
    return subjects.fill(subjects.EVENTS, workspace=workspace, origin=origin, entity="operation", id=operation)


def trace_of(message: mwbus.Received) -> str:
    """The trace context that a message carries, or an empty string."""
    return envelope.read(message.headers).traceparent
