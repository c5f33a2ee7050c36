"""Cancellations: events by which the API or the scheduler ends an operation that a worker runs or is about to get.

Problem: reading the stream before every operation costs as much as a no-op itself. Invariant: a cancellation or a
terminal event of the scheduler is never missed: for commands stored while this worker was subscribed it has been
received, and for all others (older ones, and those stored while the connection was lost) the stream is read. A message
that the stream refused does not count, and its sender knows that: each received one is looked up in the stream.
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
"""pauses before each lookup of a received message, which arrives while the stream still stores it"""
_KINDS = frozenset({operations.CancelRequested.wire.name, *catalog.TERMINAL_TYPES})


class Cancellation(msgspec.Struct, frozen=True):
    """How the API or the scheduler has ended one operation, if they have."""

    cancel: operations.CancelRequested | None = None
    has_ended: bool = False
    """the scheduler has published its terminal event"""


class Cancellations:
    """Pass `record` the messages on `SUBJECTS`, and query with `find`."""

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
            self._listening_since = None  # an operation was dropped: older commands must be looked up
        return operation

    async def find(self, command: operations.Command, seq: int) -> Cancellation:
        """The cancellation so far of the operation whose command is at `seq` of COMMANDS. Raises BusUnavailable."""
        if self._was_listening_at(seq):
            return await self.confirmed(command) if command.operation in self._received else Cancellation()
        connection = self._bus.reconnects
        last = (await self._bus.stream_bounds(subjects.COMMANDS.stream))[1]
        if self._listening_since is None or self._listening_since[0] != connection:
            self._listening_since = (connection, last)
        return await self.stored(command)

    async def confirmed(self, command: operations.Command) -> Cancellation:
        """The received cancellation of an operation as stored; empty if the stream refused it.

        Raises BusUnavailable.
        """
        for pause in _STORED_WITHIN:
            await asyncio.sleep(pause)
            if (intervention := await self.stored(command)) != Cancellation():
                return intervention
        return Cancellation()

    async def stored(self, command: operations.Command) -> Cancellation:
        """The cancellation as stored now. Raises BusUnavailable."""
        return Cancellation(
            await journal.cancel_request(self._bus, command), await journal.was_ended_by_scheduler(self._bus, command)
        )

    def _was_listening_at(self, seq: int) -> bool:
        since = self._listening_since
        return since is not None and since[0] == self._bus.reconnects and seq > since[1]
