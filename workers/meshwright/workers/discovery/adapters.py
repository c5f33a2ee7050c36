"""The API groups that adapters work with, from their announcements.

Invariant: a group stays selected while its adapter has no worker, so a restart of a worker drops nothing.
"""

import asyncio
import logging
from collections.abc import Callable

import msgspec

from meshwright.core import bus as mwbus
from meshwright.schemas import subjects
from meshwright.schemas.adapters import AccessRule, AdapterAnnouncement
from meshwright.schemas.connections import Kubernetes
from meshwright.workers.discovery import selection
from meshwright.workers.discovery.seen import Read

log = logging.getLogger(__name__)
_LOOK = 10.0


class _Connection(msgspec.Struct, frozen=True):
    kind: str = ""
    rights: list[AccessRule] = []


class _Announced(msgspec.Struct, frozen=True):
    connections: list[_Connection] | None = None


class Named:
    """The groups that have been announced so far."""

    def __init__(self, read: Read, changed: Callable[[], None]) -> None:
        self._read = read
        self._changed = changed
        self._seq = 1
        self.groups: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Read announcements until cancelled."""
        while True:
            try:
                await self.read()
            except mwbus.BusUnavailable as error:
                log.warning("waiting to read what adapters announce: %s", error)
            await asyncio.sleep(_LOOK)

    async def read(self) -> None:
        """Read new announcements. Raises BusUnavailable."""
        entity = AdapterAnnouncement.wire.entity
        subject = subjects.fill(subjects.EVENTS, workspace=subjects.SYSTEM_WORKSPACE, entity=entity)
        before = self.groups
        while messages := await self._read(subject, self._seq):
            self._seq = messages[-1].seq + 1
            for message in messages:
                if message.type == AdapterAnnouncement.wire.name:
                    self.groups |= _groups(message)
        if self.groups != before:
            self._changed()


def _groups(message: mwbus.Received) -> frozenset[str]:
    try:
        announced = msgspec.json.decode(message.payload, type=_Announced)
    except msgspec.DecodeError as error:
        log.error("%s cannot be read: %s", message.subject, error)
        return frozenset()
    rules = [rule for one in announced.connections or [] if one.kind == Kubernetes.kind for rule in one.rights]
    return selection.of_rights(rules)
