"""Rolling up: windows of traffic are added to the sums of their minute and their hour, which are kept for weeks.

Problem: long spans of large meshes are too much to add up while somebody waits, and windows are kept for hours only.
Invariant: roll-ups are made of the projected windows alone, at their own pace, so projecting never waits for them;
readers count a window that is in no roll-up yet by itself. A window that comes late is added when it comes.

A rebuild makes them again from the windows that METRICS holds. Roll-ups of spans that began before the first of these
cannot be made again: they are copied, with their positions, so that a window in them is not added twice.
"""

import asyncio
import logging

from meshwright.core.store import Database
from meshwright.core.store.traffic.rolling_up import RollUps
from meshwright.core.store.waiting import until_available

log = logging.getLogger(__name__)
EVERY_S = 60.0


async def roll_up(database: Database, generation: int) -> None:
    """Add new windows to the roll-ups of a generation every minute, until cancelled."""
    while True:
        await catch_up(database, generation)
        await asyncio.sleep(EVERY_S)


async def catch_up(database: Database, generation: int) -> None:
    """Add all windows that are projected and not yet added."""
    roll_ups = RollUps(database, generation)
    while (taken := await until_available(roll_ups.take)) is not None:
        await until_available(roll_ups.add, taken)
        log.debug("rolled up to %d", taken.last.seq)
