"""The API reads only from its own installation's database, and only if it requires authentication.

Invariant: nothing is read before the database was checked; one of another installation, or one that replaces it later,
ends the process with the reason.
"""

import asyncio
import contextlib

from meshwright.core import bus as mwbus
from meshwright.core import settings, store
from meshwright.core.store import identity

_LOOK = 1.0
_FIRST_S = 5.0


class DatabaseGuard:
    """Run `watch` concurrently with the server."""

    def __init__(self, bus: mwbus.Connection, database: store.Database, chosen: settings.Settings) -> None:
        self._bus = bus
        self._database = database
        self._chosen = chosen
        database.trusted = False

    async def first(self) -> None:
        """Check once, unless the database takes too long. Raises NotAdmissible."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_S):
                await self._look()

    async def watch(self) -> None:
        """Check periodically; until cancelled. Raises NotAdmissible."""
        while True:
            await asyncio.sleep(_LOOK)
            await self._look()

    async def _look(self) -> None:
        with contextlib.suppress(mwbus.BusUnavailable, store.StoreUnavailable):  # nothing is read then either
            if not self._database.trusted:
                await store.refuse_open_server(self._chosen)
            await identity.confirm(self._database, await self._bus.installation())
            self._database.trusted = True
