"""Events about workers of adapters that appear and disappear.

Problem: presence is a key that expires; a process that has just started does not know which keys existed before.
Invariant: the published state is stored in a bucket, so after any restart every arrival and every loss is published,
and an announcement is published again when it changes.
"""

import asyncio
import logging

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.schemas import subjects
from meshwright.schemas.adapters import AdapterAnnouncement, AdapterLost
from meshwright.workers.scheduler import verdicts

log = logging.getLogger(__name__)
_KEY = "arrivals"
_RECONCILE = 15.0
"""seconds between two reconciliations with the bucket, in case a loss was missed while the server was unavailable"""


class AdapterPresence:
    """Publishes which adapters appear and which are lost."""

    def __init__(self, bus: mwbus.Connection, presence: mwbus.Bucket, memory: mwbus.Bucket) -> None:
        self._bus = bus
        self._presence = presence
        self._memory = memory
        self._told: dict[str, str] = {}
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        """Watch until cancelled."""
        self._told = await self._remembered()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._reconcile())

    async def _watch(self) -> None:
        async with self._presence.watch() as changes:
            async for change in changes:
                if not change.key:
                    await self._notice_losses()
                elif change.entry is not None:
                    await self._arrived(change.key, change.entry.value.decode(errors="replace"))
                else:
                    await self._lost(change.key, graceful=not change.expired)

    async def _reconcile(self) -> None:
        while True:
            await asyncio.sleep(_RECONCILE)
            await self._notice_losses()

    async def _notice_losses(self) -> None:
        try:
            present = set(await self._presence.keys())
        except mwbus.BusUnavailable as error:
            await verdicts.pause(error)
            return
        for key in set(self._told) - present:
            await self._lost(key, graceful=False)

    async def _arrived(self, key: str, text: str) -> None:
        async with self._turn:
            if self._told.get(key) == text:
                return
            try:
                announcement = msgspec.json.decode(text, type=AdapterAnnouncement)
            except msgspec.DecodeError as error:
                log.warning("presence %s cannot be read: %s", key, error)
                return
            if not subjects.can_be_filled(announcement.name, key.partition(".")[0]):
                log.warning("presence %s has an adapter name that no subject can hold: %r", key, announcement.name)
                return
            await self._publish(announcement.name, announcement)
            log.info("adapter %s arrived: %s", announcement.name, announcement.instance)
            await self._remember({**self._told, key: text})

    async def _lost(self, key: str, *, graceful: bool) -> None:
        async with self._turn:
            if key not in self._told:
                return
            name, _, instance = key.partition(".")
            await self._publish(name, AdapterLost(name=name, instance=instance, graceful=graceful))
            log.info("adapter %s lost: %s", name, instance)
            await self._remember({other: text for other, text in self._told.items() if other != key})

    async def _publish(self, adapter: str, message: AdapterAnnouncement | AdapterLost) -> None:
        subject = subjects.fill(
            subjects.EVENTS,
            workspace=subjects.SYSTEM_WORKSPACE,
            origin=subjects.SCHEDULER,
            entity="adapter",
            id=adapter,
        )
        event = ids.fresh()
        while True:
            try:
                await self._bus.publisher.publish(subject, message, about=f"adapters/{adapter}", id=event)
            except mwbus.BusUnavailable as error:
                await verdicts.pause(error)
            else:
                return

    async def _remember(self, adapters: dict[str, str]) -> None:
        self._told = adapters
        while True:
            try:
                await self._memory.put(_KEY, msgspec.json.encode(adapters))
            except mwbus.BusUnavailable as error:
                await verdicts.pause(error)
            else:
                return

    async def _remembered(self) -> dict[str, str]:
        while True:
            try:
                entry = await self._memory.get(_KEY)
                return msgspec.json.decode(entry.value, type=dict[str, str]) if entry else {}
            except mwbus.BusUnavailable as error:
                await verdicts.pause(error)
            except msgspec.DecodeError as error:
                log.warning("the saved presence cannot be decoded, publishing all again: %s", error)
                return {}
