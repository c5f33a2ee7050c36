"""Cancellations: events by which the API or the scheduler ends an operation that a worker has, or is about to get.

Problem: looking into the stream before every operation costs as much as a no-op itself. Invariant: a cancellation or
the end told by the scheduler is never overlooked: for commands stored while this worker was subscribed it has been
received, and for all others (older ones, and whenever the connection was away in between) the stream is read. What
the stream refused does not count, since its sender knows so: what was received is looked up in the stream.
"""

import asyncio
import collections

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.operations import journal, origins
from meshwright.schemas import catalog, operations, subjects

_REMEMBERED = 10_000
"""operations kept whose commands have not been delivered here yet; they normally follow within milliseconds"""

_STORED_WITHIN = (0.0, 0.02, 0.1, 0.5, 1.0)
"""pauses before each look for what was received: a message arrives while the stream still stores it"""
_KINDS = frozenset({operations.CancelRequested.wire.name, *catalog.TERMINAL_TYPES})


class Cancellation(msgspec.Struct, frozen=True):
    """How others have ended one operation, if they have."""

    cancel: operations.CancelRequested | None = None
    has_ended: bool = False
    """the scheduler has published its end"""


class Cancellations:
    """Pass `record` what is published on `SUBJECTS`, and ask `find`."""

    SUBJECTS = tuple(
        subjects.fill(subjects.EVENTS, origin=origin, entity="operation") for origin in origins.INTERVENING
    )

    def __init__(self, connection: mwbus.Connection) -> None:
        self._bus = connection
        self._received: collections.OrderedDict[str, None] = collections.OrderedDict()
        self._listening_since: tuple[int, int] | None = None

    def record(self, message: mwbus.Received) -> str:
        """The operation that the message ends, which is remembered; empty when it ends none."""
        if message.type not in _KINDS:
            return ""
        operation = subjects.parse(subjects.EVENTS, message.subject)["id"]
        self._received[operation] = None
        if len(self._received) > _REMEMBERED:
            self._received.popitem(last=False)
            self._listening_since = None  # something was forgotten: older commands must be looked up
        return operation

    async def find(self, command: operations.Command, seq: int) -> Cancellation:
        """How the operation whose command is at `seq` of COMMANDS was ended so far. Raises BusUnavailable."""
        if self._was_listening_at(seq):
            return await self.confirmed(command) if command.operation in self._received else Cancellation()
        connection = self._bus.reconnects
        last = (await self._bus.stream_bounds(subjects.COMMANDS.stream))[1]
        if self._listening_since is None or self._listening_since[0] != connection:
            self._listening_since = (connection, last)
        return await self.stored(command)

    async def confirmed(self, command: operations.Command) -> Cancellation:
        """What was received about an operation, as stored; nothing if the stream refused it. Raises BusUnavailable."""
        for pause in _STORED_WITHIN:
            await asyncio.sleep(pause)
            if (intervention := await self.stored(command)) != Cancellation():
                return intervention
        return Cancellation()

    async def stored(self, command: operations.Command) -> Cancellation:
        """What is stored by now. Raises BusUnavailable."""
        return Cancellation(
            await journal.cancel_request(self._bus, command), await journal.was_ended_by_scheduler(self._bus, command)
        )

    def _was_listening_at(self, seq: int) -> bool:
        since = self._listening_since
        return since is not None and since[0] == self._bus.reconnects and seq > since[1]
