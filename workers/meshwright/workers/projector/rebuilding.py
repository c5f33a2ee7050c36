"""Rebuilding all views from the streams beside the live ones, then one swap.

Invariant: readers see the old generation until the new one has everything that the streams held when the rebuild had
caught up; both are written for a moment around the swap, so no read goes back in time. Documents that the streams no
longer hold (their retention) are copied, except objects of clusters: their stream holds all present ones.
"""

import asyncio
import datetime
import logging

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.store import Database, carrying, generations, indexes, kinds
from meshwright.core.store.writing import Writer
from meshwright.workers.projector import folding, rolling_up
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.pipeline import Pipeline

log = logging.getLogger(__name__)
LEASE = "projection-rebuild"
_OVERLAP = 3.0
"""seconds in which the live projector and all readers notice the swap"""


class Rebuilt:
    """The result of a rebuild; `generation` is live now."""

    def __init__(self) -> None:
        self.generation = 0
        self.messages = 0


async def rebuild(connection: mwbus.Connection, database: Database, rebuilt: Rebuilt) -> None:
    """Build the next generation and make it the live one. Raises StoreUnavailable, BusUnavailable."""
    before = await generations.live(database)
    await generations.drop_others(database, frozenset({before}))
    rebuilt.generation = await generations.reserve(database)
    log.info("rebuilding into generation %d", rebuilt.generation)
    await generations.sign(database, rebuilt.generation, folding.VERSION)
    await indexes.ensure(database, rebuilt.generation)
    for kind in (kind for kind in kinds.KINDS if kind.stream not in kinds.COMPLETE):
        first, _ = await connection.stream_bounds(kind.stream)
        await carrying.carry_over(database, kind, before, rebuilt.generation, first)
    await _carry_roll_ups(connection, database, before, rebuilt.generation)
    tally = Tally()
    writer = Writer(database, rebuilt.generation)
    async with asyncio.TaskGroup() as group:
        running = [group.create_task(Pipeline(connection, writer, stream, tally).run()) for stream in kinds.STREAMS]
        await _caught_up(connection, writer)
        # STATE keeps a hundred versions of each document, so it has gaps that its bounds do not show.
        end = (await connection.stream_bounds(kinds.DESIGN_VERSIONS.stream))[1] + 1
        await carrying.carry_over(database, kinds.DESIGN_VERSIONS, before, rebuilt.generation, end)
        await rolling_up.catch_up(database, rebuilt.generation)
        await generations.swap(database, rebuilt.generation)
        log.info("generation %d is live", rebuilt.generation)
        await asyncio.sleep(_OVERLAP)
        await ending.end(*running)
    await generations.drop_others(database, frozenset({rebuilt.generation}))
    rebuilt.messages = tally.seen


async def _carry_roll_ups(connection: mwbus.Connection, database: Database, old: int, new: int) -> None:
    """Copy the roll-ups that the stream of measurements cannot make again: those from before its first message."""
    stream = kinds.TOPOLOGY.stream
    first, _ = await connection.stream_bounds(stream)
    held = await connection.following(stream, first, ">")
    await carrying.carry_roll_ups(database, old, new, held.stored_at() if held else datetime.datetime.now(datetime.UTC))


async def _caught_up(connection: mwbus.Connection, writer: Writer) -> None:
    """Returns when every stream is folded in up to where it was a moment ago."""
    for stream in kinds.STREAMS:
        while True:
            first, last = await connection.stream_bounds(stream)
            seq = (await writer.position(stream)).seq
            if last < first or seq >= last or await connection.following(stream, seq + 1, ">") is None:
                break  # also when the last messages were deleted, whose sequences still count
            await asyncio.sleep(0.05)
