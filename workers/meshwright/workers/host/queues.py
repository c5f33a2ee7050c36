"""OperationQueues: operations that change one mesh run one at a time, in the order of their acceptance.

Problem: workers fetch commands concurrently, so the order of fetching is not that of acceptance. Invariant: the order
is the COMMANDS stream's. An operation may run only when every earlier one in its queue has ended; no lease is needed,
because the stream itself has the order, and an operation whose worker died keeps its place until its redelivery or its
deadline ends it. Settled positions from messages that COMMANDS has lost are ignored.
"""

import asyncio
import datetime
import logging
import sys
from collections.abc import Awaitable, Callable

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import listening
from meshwright.core.operations import journal, origins
from meshwright.schemas import catalog, operations, subjects

log = logging.getLogger(__name__)
_RECHECK = 1.0
"""seconds after which a waiting operation checks again without a notification"""
_FIRST_RECHECKS = (0.02, 0.2)
"""the same for the first checks: an end may have been published just before the subscription"""
_STORE_DELAY = 0.01
"""seconds between a notification of an end and the check: it arrives while the stream still stores the event"""


class OperationQueues:
    """Keeps operations of one mesh in order. The bucket only remembers how far a queue has been settled."""

    def __init__(self, connection: mwbus.Connection, settled: mwbus.Bucket) -> None:
        self._bus = connection
        self._settled = settled
        self._assured: dict[str, int] = {}
        """queues whose settled position was compared with the stream, and on which connection"""

    async def wait(self, command: operations.Command, seq: int, waiting: Callable[[str], Awaitable[None]]) -> None:
        """Return when every earlier operation of the queue has ended.

        `waiting` is called with the id of each earlier operation. Raises BusUnavailable.
        """
        error = ""
        while ahead := await self._ahead(command, seq):
            if ahead.operation != error:
                error = ahead.operation
                await waiting(error)
            await self._ended(ahead)

    async def is_idle(self, workspace: str, adapter: str, connection: str, mesh: str) -> bool:
        """Whether no operation that changes the mesh is open. Raises BusUnavailable."""
        now = datetime.datetime.now(datetime.UTC)
        sender = operations.Command(
            operation="", workspace=workspace, adapter=adapter, connection=connection, mesh=mesh, kind="",
            principal="", accepted_at=now, deadline=now,
        )  # fmt: skip
        return await self._ahead(sender, sys.maxsize) is None

    async def done(self, command: operations.Command, stored: mwbus.Received) -> None:
        """Remember that the queue is settled up to this command, which is `stored` there."""
        await self._settled.put(_key(command), msgspec.json.encode(mwbus.Position.at(stored)))

    async def _ahead(self, command: operations.Command, seq: int) -> operations.Command | None:
        position = await self._settled_up_to(command) + 1
        while True:
            message = await self._bus.following(subjects.COMMANDS.stream, position, _queue_subject(command))
            if message is None or message.seq >= seq:
                return None
            earlier = _command(message)
            if earlier is not None and not await journal.has_ended(self._bus, earlier):
                return earlier
            position = message.seq + 1

    async def _settled_up_to(self, command: operations.Command) -> int:
        key = _key(command)
        entry = await self._settled.get(key)
        if entry is None:
            return 0
        try:
            place = msgspec.json.decode(entry.value, type=mwbus.Position)
            if self._assured.get(key) != self._bus.reconnects:  # a stream is only rewound while its server is down
                await mwbus.assure(self._bus, subjects.COMMANDS.stream, place)
                self._assured[key] = self._bus.reconnects
        except (mwbus.Rewound, msgspec.MsgspecError) as error:
            log.error("%s is read again from its start: %s", key, error)
            await self._settled.put(key, msgspec.json.encode(mwbus.START))
            return 0
        return place.seq

    async def _ended(self, ahead: operations.Command) -> None:
        """Wait until the earlier operation publishes its end, or a while: it may end in another way."""
        subject = origins.subject(ahead.workspace, "*", ahead.operation)
        async with listening.waiter(self._bus, subject, catalog.TERMINAL_TYPES) as ended:
            for patience in (*_FIRST_RECHECKS, _RECHECK):
                if await journal.has_ended(self._bus, ahead):
                    return
                if await ended(patience):
                    await asyncio.sleep(_STORE_DELAY)


def _command(message: mwbus.Received) -> operations.Command | None:
    try:
        decoded = message.message()
    except catalog.UndecodableMessage:
        return None
    return decoded if isinstance(decoded, operations.Command) else None


def _queue_subject(command: operations.Command) -> str:
    return subjects.fill(
        subjects.COMMANDS,
        workspace=command.workspace,
        adapter=command.adapter,
        connection=command.connection,
        queue=command.mesh,
    )


def _key(command: operations.Command) -> str:
    return f"{command.workspace}.{command.adapter}.{command.connection}.{command.mesh}"


async def open_settled(connection: mwbus.Connection) -> mwbus.Bucket:
    """The bucket that remembers how far each queue is settled. Raises BusUnavailable."""
    return await mwbus.open_bucket(connection, subjects.TURNS.name)
