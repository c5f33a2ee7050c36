"""The current state of an operation, folded from the stream itself.

Problem: a view lags behind by its projector's delay, and waiting for an operation must not wait for the projector.
Invariant: the result includes every event of the operation that was stored before the call.
"""

import asyncio

from meshwright.core import bus as mwbus
from meshwright.core.operations import folding, records
from meshwright.schemas import subjects
from meshwright.schemas.operations import Operation

_STREAM = subjects.EVENTS.stream
_TIMEOUT = 5.0
"""seconds that reading the events of one operation may take"""


async def operation(
    bus: mwbus.StreamReader, workspace: str, id: str, known: Operation | None, seq: int
) -> tuple[Operation | None, int]:
    """Fold the later events into `known`, which includes the stream up to `seq`; returns the operation and its last
    event's sequence.

    Raises BusUnavailable.
    """
    subject = subjects.fill(subjects.EVENTS, workspace=workspace, entity="operation", id=id)
    newest = await bus.last(_STREAM, subject)
    if newest is None or newest.seq <= seq:
        return known, seq
    try:
        async with asyncio.timeout(_TIMEOUT):
            return await _folded(bus, subject, known, seq, newest.seq), newest.seq
    except TimeoutError as error:
        raise mwbus.BusUnavailable(f"the events of operation {id} cannot be read now") from error


async def _folded(
    bus: mwbus.StreamReader, subject: str, known: Operation | None, seq: int, newest: int
) -> Operation | None:
    while seq < newest and (received := await bus.following(_STREAM, seq + 1, subject)) is not None:
        known, seq = _after(known, received), received.seq
    return known


def _after(known: Operation | None, received: mwbus.Received) -> Operation | None:
    try:
        fact = records.read(received)
        return folding.fold(known, fact) if isinstance(fact.message, folding.TYPES) else known
    except records.Unprojectable:
        return known  # as in the views: a message that cannot be read changes nothing
