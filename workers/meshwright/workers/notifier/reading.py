"""Adding events to the ledger of one webhook: those that pass its filters, and those that users order.

Invariant: an event is in the ledger before it counts as read; when the ledger is full, reading waits. Orders (pings,
replays) are read separately, so a ping to a broken endpoint does not wait behind all undelivered events.
"""

import asyncio
import logging
from contextlib import aclosing

from meshwright.core import bus as mwbus
from meshwright.core import event_filters
from meshwright.schemas import catalog, subjects
from meshwright.schemas.webhooks import UNTOLD_ENTITIES, ReplayRequested, WebhookPinged, WebhookWritten
from meshwright.workers.notifier.ledger import Ledger
from meshwright.workers.notifier.memory import PAUSE
from meshwright.workers.notifier.signals import LOOK, Signals, within

log = logging.getLogger(__name__)
_STREAM = subjects.EVENTS.stream
_BATCH = 64


class Reader:
    """Fills the ledger of one version of one webhook."""

    def __init__(
        self, bus: mwbus.Connection, ledger: Ledger, signals: Signals, workspace: str, written: WebhookWritten
    ) -> None:
        self._bus = bus
        self._ledger = ledger
        self._signals = signals
        self._workspace = workspace
        self._written = written

    async def run(self) -> None:
        """Keep the ledger filled until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow_orders())
            group.create_task(self._read())

    async def _read(self) -> None:
        while True:
            try:
                await self._read_on()
            except mwbus.Rewound as error:
                self._ledger.read = await self._position_after_rewind(error, self._ledger.read)

    async def _read_on(self) -> None:
        """Read until a replay needs an earlier position. Raises Rewound."""
        rewinds = self._ledger.rewinds
        tail = mwbus.tail(
            self._bus,
            _STREAM,
            after=self._ledger.read,
            subject=self._subjects(),
            batch=_BATCH,
            patience=LOOK,
            idle=True,
        )
        async with aclosing(tail):
            async for batch in tail:
                for message in batch:
                    wanted = self._wants(message)
                    if wanted:
                        await self._until_room()
                    if self._ledger.rewinds != rewinds:
                        return
                    if wanted:
                        self._ledger.take(message.seq)
                        self._signals.unsaved.set()
                        self._signals.changed.set()
                    self._ledger.read = mwbus.Position.at(message)
                if self._ledger.rewinds != rewinds:
                    return

    def _subjects(self) -> list[str]:
        """The subjects to read: those of the workspace and the global ones, limited to the filter's entities by the
        server.
        """
        entities = self._written.document.entities or ["*"]
        spaces = (self._workspace, subjects.SYSTEM_WORKSPACE)
        return [subjects.fill(subjects.EVENTS, workspace=s, entity=e) for s in spaces for e in sorted(set(entities))]

    def _wants(self, message: mwbus.Received) -> bool:
        tokens = subjects.parse(subjects.EVENTS, message.subject)
        entity, document = tokens["entity"], self._written.document
        # An admin of the workspace created it, so it may get what admins may read.
        if not event_filters.may_read("admin", self._workspace, tokens["workspace"], entity):
            return False
        return entity not in UNTOLD_ENTITIES and event_filters.passes(
            message.type, entity, document.types, document.entities
        )

    async def _until_room(self) -> None:
        while not self._ledger.has_room:
            self._signals.room.clear()
            await within(self._signals.room, LOOK)

    async def _follow_orders(self) -> None:
        """Read pings and replays separately from the events, so that they do not wait behind a full ledger."""
        subject = subjects.fill(
            subjects.EVENTS,
            workspace=self._workspace,
            origin=subjects.API,
            entity="webhook",
            id=self._written.document.id,
        )
        while True:
            try:
                async for batch in mwbus.tail(
                    self._bus, _STREAM, after=self._ledger.ordered, subject=subject, batch=_BATCH
                ):
                    for message in batch:
                        self._add_ordered(message)
            except mwbus.Rewound as error:
                self._ledger.ordered = await self._position_after_rewind(error, self._ledger.ordered)

    async def _position_after_rewind(self, error: mwbus.Rewound, place: mwbus.Position) -> mwbus.Position:
        """The position from which to continue after EVENTS was rewound: behind all messages stored before the last one
        read.
        """
        log.error("%s: webhook %s continues with what was stored since", error, self._written.document.id)
        since = place.time or self._written.created_at
        return await mwbus.until_available(mwbus.until, self._bus, _STREAM, since, pause=PAUSE)

    def _add_ordered(self, message: mwbus.Received) -> None:
        """Add the events of a ping or a replay to the ledger."""
        try:
            order = message.message()
        except catalog.UndecodableMessage as error:
            log.warning("a redelivery request for webhook %s cannot be decoded: %s", self._written.document.id, error)
            return
        self._ledger.ordered = mwbus.Position.at(message)
        match order:
            case WebhookPinged():
                self._ledger.take(message.seq, first=True)
            case ReplayRequested():
                for event in order.events:
                    if event > 0:  # that sequence does not exist yet, and would be waited for without end
                        self._ledger.take(event)
                if order.from_event is not None:
                    self._ledger.rewind(order.from_event - 1)
        self._signals.unsaved.set()
        self._signals.changed.set()
