"""Copies of commands: EVENTS holds the copy of a command before its worker publishes the first event about it.

Problem: the server copies commands into EVENTS by itself, and after a restart it resumes that later than a worker gets
the command; a reader of the operation would get `started` before `accepted`. Invariant: no event of an operation is
published before its copy is stored, unless the server has not made it within half a minute. Copies are made in the
order of COMMANDS, so the newest one proves all before it. A rewound stream assigns sequences again, so after each
reconnect the copy of this very command is checked.
"""

import asyncio
import logging

from meshwright.core import bus as mwbus
from meshwright.core.bus.stream import copying, streams
from meshwright.schemas import subjects

log = logging.getLogger(__name__)
WITHIN = 30.0
"""seconds until an operation starts without its copy; the server retries a failed source every ten"""
_PAUSE_FIRST, _PAUSE_LAST = 0.002, 0.25
_COPY = next(one for one in streams.COPIES if one.source == subjects.COMMANDS.stream)
_COPIES = _COPY.places[0]


class CommandCopies:
    """How far the copies reach, as far as this worker knows."""

    def __init__(self, connection: mwbus.Connection) -> None:
        self._bus = connection
        self._lock = asyncio.Lock()
        self._reach = 0
        self._connection = -1
        """the connection on which copying was last observed"""

    async def wait_for(self, command: mwbus.Received) -> None:
        """Return when the copy of this message of COMMANDS is stored. Raises BusUnavailable."""
        if self._reaches(command):
            return
        try:
            async with asyncio.timeout(WITHIN), self._lock:
                pause = _PAUSE_FIRST
                while not self._reaches(command):
                    if await self._check(command):
                        continue
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _PAUSE_LAST)
        except TimeoutError:
            log.warning("the server has not copied command %d into EVENTS for %g s", command.seq, WITHIN)

    def _reaches(self, command: mwbus.Received) -> bool:
        return self._connection == self._bus.reconnects and command.seq <= self._reach

    async def _check(self, command: mwbus.Received) -> bool:
        """Whether it is copied."""
        connection = self._bus.reconnects
        is_known = connection == self._connection
        subject = _COPIES if is_known else _COPY.place_of(command.subject)
        copy = await self._bus.last(subjects.EVENTS.stream, subject)
        place = copying.copied_from(copy) if copy else None
        if place is None or place.seq < command.seq:
            return False
        self._connection, self._reach = connection, place.seq
        return True
