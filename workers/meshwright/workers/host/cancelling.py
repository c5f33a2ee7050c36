"""Cancellations: who asked for the end of which operation.

Problem: looking into the stream before every operation costs as much as a no-op itself. Invariant: a request is
never overlooked: for commands that were stored while this worker was listening it has been heard, and for all
others (older ones, and whenever the connection was away in between) the stream is asked.
"""

import collections

from meshwright.core import bus as mwbus
from meshwright.core.kit import journal
from meshwright.schemas import operations, subjects

_REMEMBERED = 10_000
"""requests kept for commands that have not been delivered here yet; they normally follow within milliseconds"""


class Cancellations:
    """Pass `hear` what is published on `SUBJECT`, and ask `find`."""

    SUBJECT = subjects.fill(subjects.EVENTS, origin="api", entity="operation")

    def __init__(self, connection: mwbus.Connection) -> None:
        self._bus = connection
        self._heard: collections.OrderedDict[str, operations.CancelRequested] = collections.OrderedDict()
        self._listening_since: tuple[int, int] | None = None

    def hear(self, message: mwbus.Received) -> tuple[str, operations.CancelRequested] | None:
        """The operation and the request in a message, remembered; None when it is something else."""
        request = message.message()
        if not isinstance(request, operations.CancelRequested):
            return None
        operation = subjects.parse(subjects.EVENTS, message.subject)["id"]
        self._heard[operation] = request
        if len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)
            self._listening_since = None  # something was forgotten: older commands must be looked up
        return operation, request

    async def find(self, command: operations.Command, seq: int) -> operations.CancelRequested | None:
        """The request to end the operation whose command stands at `seq` of COMMANDS, if there is one.

        Raises BusUnavailable.
        """
        if self._was_listening_at(seq):
            return self._heard.get(command.operation)
        connection = self._bus.reconnects
        last = (await self._bus.stream_bounds(subjects.COMMANDS.stream))[1]
        if self._listening_since is None or self._listening_since[0] != connection:
            self._listening_since = (connection, last)
        return await journal.cancel_request(self._bus, command)

    def _was_listening_at(self, seq: int) -> bool:
        since = self._listening_since
        return since is not None and since[0] == self._bus.reconnects and seq > since[1]
