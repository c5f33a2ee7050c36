"""The live projection: all streams into the generation that is read, until another one becomes live.

Invariant: a projector notices within a second that the live generation changed, and continues with the new one from its
checkpoints. When a stream or the database was rewound, the generation is marked for a rebuild and the next one awaited.
"""

import asyncio
import logging

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.store import Database, DatabaseRestored, generations, heartbeat, identity, indexes, kinds
from meshwright.core.store.waiting import until_available
from meshwright.core.store.writing import Writer
from meshwright.workers.projector import folding, rolling_up
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.pipeline import Pipeline

log = logging.getLogger(__name__)
_LOOK = 0.5


class _Swapped(Exception):
    """Another generation is live."""


async def project(connection: mwbus.Connection, database: Database, tally: Tally, *, traced: bool = False) -> None:
    """Project into the live generation until cancelled."""
    try:
        while True:
            generation = await until_available(generations.live, database)
            await until_available(generations.sign, database, generation, folding.VERSION)
            await until_available(indexes.ensure, database, generation)
            log.info("projecting into generation %d", generation)
            await _until_swapped(connection, database, generation, tally, traced)
    finally:
        log.info("projected", extra={"messages": tally.seen})


async def beat(database: Database, installation: str) -> None:
    """Write the projector's heartbeat for readers, until cancelled.

    Raises NotAdmissible when the database has been replaced by that of another installation.
    """
    while True:
        await until_available(identity.claim, database, installation)
        await until_available(heartbeat.beat, database)
        await asyncio.sleep(heartbeat.EVERY)


async def _until_swapped(
    connection: mwbus.Connection, database: Database, generation: int, tally: Tally, traced: bool
) -> None:
    writer = Writer(database, generation)
    try:
        async with asyncio.TaskGroup() as group:
            for stream in kinds.STREAMS:
                group.create_task(Pipeline(connection, writer, stream, tally, traced=traced).run())
            group.create_task(rolling_up.roll_up(database, generation))
            group.create_task(_watch(database, generation))
    except* _Swapped:
        log.info("generation %d is no longer live", generation)
    except* (mwbus.Rewound, DatabaseRestored) as group:
        log.error("%s: rebuilding the views from what the streams hold", ending.first_error(group))
        await until_available(generations.distrust, database, generation)
        await _until_another_is_live(database, generation)


async def _watch(database: Database, generation: int) -> None:
    await _until_another_is_live(database, generation)
    raise _Swapped


async def _until_another_is_live(database: Database, generation: int) -> None:
    while True:
        await asyncio.sleep(_LOOK)
        if await until_available(generations.live, database) != generation:
            return
