"""Renewing: rebuilding views that cannot be trusted, because an older version wrote them, or a stream or they were
rewound.

Problem: during a rolling upgrade, an older projector folds messages whose types or fields it does not know: it skips
them, rightly, and the views lack them from then on. Invariant: a generation remembers the oldest version that wrote it,
and a newer projector rebuilds it beside the live projection; so versions may alternate and the newest one wins.
"""

import asyncio
import logging

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.kv import leases
from meshwright.core.store import Database, DatabaseRestored, StoreUnavailable, generations
from meshwright.core.store.waiting import until_available
from meshwright.workers import running
from meshwright.workers.projector import folding, rebuilding

log = logging.getLogger(__name__)
_CHECK_S = 1.0
"""seconds between two checks; a manual rebuild may be of another version"""


async def renew(connection: mwbus.Connection, database: Database) -> None:
    """Rebuild the live views whenever an older version wrote them or they were marked for it, until cancelled."""
    while True:
        generation = await until_available(generations.live, database)
        oldest = await until_available(generations.oldest_writer, database, generation)
        if oldest is not None and oldest < folding.VERSION:
            if oldest != generations.NOBODY:
                log.info("generation %d was written by version %d, this is %d", generation, oldest, folding.VERSION)
            await _rebuild(connection, database)
        await asyncio.sleep(_CHECK_S)


async def _rebuild(connection: mwbus.Connection, database: Database) -> None:
    rebuilt = rebuilding.Rebuilt()

    async def work() -> None:
        await rebuilding.rebuild(connection, database, rebuilt)

    try:
        await leases.hold(connection, rebuilding.LEASE, running.instance(), work)
    except* (mwbus.BusUnavailable, mwbus.Rewound, StoreUnavailable, DatabaseRestored) as group:
        log.warning("the rebuild was interrupted and is restarted: %s", ending.first_error(group))
