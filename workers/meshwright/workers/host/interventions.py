"""Interventions: what others say about an operation that a worker has, or is about to get.

Problem: looking into the stream before every operation costs as much as a no-op itself. Invariant: a cancellation or
the scheduler's verdict is never overlooked: for commands that were stored while this worker was listening it has been
heard, and for all others (older ones, and whenever the connection was away in between) the stream is asked. What the
stream refused does not count, since its sender was told so: what was heard is looked up.
"""

import asyncio
import collections

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.operations import journal
from meshwright.schemas import catalog, operations, subjects

_REMEMBERED = 10_000
"""operations kept whose commands have not been delivered here yet; they normally follow within milliseconds"""

_STORED_WITHIN = (0.0, 0.02, 0.1, 0.5, 1.0)
"""pauses before each look for what was heard: a message is heard while the stream still stores it"""
_KINDS = frozenset({operations.CancelRequested.wire.name, *catalog.TERMINAL_TYPES})


class Intervention(msgspec.Struct, frozen=True):
    """What others have said of one operation."""

    cancel: operations.CancelRequested | None = None
    is_over: bool = False
    """the scheduler has told its end"""


class Interventions:
    """Pass `hear` what is published on `SUBJECTS`, and ask `find`."""

    SUBJECTS = tuple(
        subjects.fill(subjects.EVENTS, origin=origin, entity="operation") for origin in ("api", journal.SCHEDULER)
    )

    def __init__(self, connection: mwbus.Connection) -> None:
        self._bus = connection
        self._heard: collections.OrderedDict[str, None] = collections.OrderedDict()
        self._listening_since: tuple[int, int] | None = None

    def hear(self, message: mwbus.Received) -> str:
        """The operation of which something was said, remembered; empty when the message says nothing of the kind."""
        if message.type not in _KINDS:
            return ""
        operation = subjects.parse(subjects.EVENTS, message.subject)["id"]
        self._heard[operation] = None
        if len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)
            self._listening_since = None  # something was forgotten: older commands must be looked up
        return operation

    async def find(self, command: operations.Command, seq: int) -> Intervention:
        """What was said so far of the operation whose command stands at `seq` of COMMANDS. Raises BusUnavailable."""
        if self._was_listening_at(seq):
            return await self.confirmed(command) if command.operation in self._heard else Intervention()
        connection = self._bus.reconnects
        last = (await self._bus.stream_bounds(subjects.COMMANDS.stream))[1]
        if self._listening_since is None or self._listening_since[0] != connection:
            self._listening_since = (connection, last)
        return await self.stored(command)

    async def confirmed(self, command: operations.Command) -> Intervention:
        """What was heard of an operation, as it is stored; nothing if the stream refused it. Raises BusUnavailable."""
        for pause in _STORED_WITHIN:
            await asyncio.sleep(pause)
            if (intervention := await self.stored(command)) != Intervention():
                return intervention
        return Intervention()

    async def stored(self, command: operations.Command) -> Intervention:
        """What is stored by now. Raises BusUnavailable."""
        return Intervention(
            await journal.cancel_request(self._bus, command), await journal.was_ended_by_scheduler(self._bus, command)
        )

    def _was_listening_at(self, seq: int) -> bool:
        since = self._listening_since
        return since is not None and since[0] == self._bus.reconnects and seq > since[1]
