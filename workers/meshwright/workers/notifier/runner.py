"""The delivery loop of one webhook: delivers what its ledger holds, and stores the ledger.

Problem: thousands of events may wait for an endpoint that answers one in ten seconds, and this process may die between
a delivery and its record. Invariant: an event stays in the ledger until its outcome is published, and at most `WIDTH`
are held in memory; what is not yet stored when the process dies is delivered again.
"""

import asyncio
import contextlib
import logging
import time

import httpx

from meshwright.core import bus as mwbus
from meshwright.core import event_filters
from meshwright.schemas import subjects
from meshwright.schemas.webhooks import UNTOLD_ENTITIES, WebhookPinged, WebhookWritten
from meshwright.workers.notifier.backoff import Schedule
from meshwright.workers.notifier.ledger import Ledger, Waiting, resumed
from meshwright.workers.notifier.memory import PAUSE, Memory, Superseded
from meshwright.workers.notifier.posting import WIDTH, Outcome, Poster
from meshwright.workers.notifier.reading import Reader
from meshwright.workers.notifier.signals import LOOK, Signals, within
from meshwright.workers.notifier.webhook_events import WebhookEvents

log = logging.getLogger(__name__)
_STREAM = subjects.EVENTS.stream
_SAVE_EVERY = 0.1
"""seconds between two writes of the ledger, which limits what is repeated after a kill"""
_SAVE_WITHIN = 5.0
"""seconds after which it is stored that filtered events were read"""
_DOWN = 3
"""consecutive failures after which a success means that the endpoint has recovered"""
_TRIMMED = Outcome(detail="the event is no longer stored in EVENTS")


class Runner:
    """Run `run` for one version of one webhook."""

    def __init__(
        self,
        bus: mwbus.Connection,
        memory: Memory,
        poster: Poster,
        schedule: Schedule,
        workspace: str,
        written: WebhookWritten,
        version: int,
    ) -> None:
        self._bus = bus
        self._memory = memory
        self._poster = poster
        self._schedule = schedule
        self._workspace = workspace
        self._written = written
        self._version = version
        self._teller = WebhookEvents(bus, workspace, written.document.id)
        self._signals = Signals()
        self._failures = 0

    async def run(self) -> None:
        """Deliver until cancelled. Raises BusUnavailable at the start, Superseded."""
        self._ledger = Ledger(resumed(await self._memory.read(), self._written, self._version))
        self._signals.unsaved.set()
        async with self._poster.client() as client, asyncio.TaskGroup() as group:
            group.create_task(Reader(self._bus, self._ledger, self._signals, self._workspace, self._written).run())
            group.create_task(self._save())
            await self._dispatch(client, group)

    async def _dispatch(self, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> None:
        while True:
            one = self._ledger.start(time.time()) if self._ledger.trying < WIDTH else None
            if one is not None:
                group.create_task(self._deliver(client, one))
                continue
            self._signals.changed.clear()
            due = self._ledger.next_due()
            pause = LOOK if due is None or self._ledger.trying >= WIDTH else min(due - time.time(), LOOK)
            await within(self._signals.changed, pause)

    async def _deliver(self, client: httpx.AsyncClient, one: Waiting) -> None:
        """One attempt for one event, and its consequences."""
        event = await mwbus.until_available(self._bus.at, _STREAM, one.event, pause=PAUSE)
        if event is not None and not self._may_get(event):
            self._settle(one.event)
            return
        outcome = _TRIMMED
        if event is not None:
            outcome = await self._poster.post(client, self._workspace, self._written, event, one.attempts + 1)
        hopeless = event is None or outcome.delivered or outcome.gone
        pause = None if hopeless else self._schedule.pause(one.attempts + 1, outcome.retry_after)
        due = None if pause is None else time.time() + pause
        await self._teller.tell(one, event, outcome, due)
        if due is None:
            self._settle(one.event)
        else:
            self._ledger.retry(one, due)
        self._note_health(outcome)
        self._signals.unsaved.set()
        self._signals.changed.set()
        if outcome.gone:
            await self._teller.disable(self._written, self._version, outcome.detail)

    def _may_get(self, event: mwbus.Received) -> bool:
        """Whether an order may deliver this event: the workspace's own, and of events about webhooks only the pings."""
        tokens = subjects.parse(subjects.EVENTS, event.subject)
        if not event_filters.may_read("admin", self._workspace, tokens["workspace"], tokens["entity"]):
            return False
        return tokens["entity"] not in UNTOLD_ENTITIES or (
            event.type == WebhookPinged.wire.name and tokens["id"] == self._written.document.id
        )

    def _settle(self, event: int) -> None:
        self._ledger.settled(event)
        self._signals.room.set()
        self._signals.unsaved.set()
        self._signals.changed.set()

    def _note_health(self, outcome: Outcome) -> None:
        """Make all waiting events due when an endpoint has recovered, instead of hours later."""
        if not outcome.delivered:
            self._failures += 1
            return
        if self._failures >= _DOWN:
            self._ledger.hurry()
        self._failures = 0

    async def _save(self) -> None:
        """Store the ledger soon after it changed and at the end, at most once in `_SAVE_EVERY`."""
        saved = None
        try:
            while True:
                await within(self._signals.unsaved, _SAVE_WITHIN)
                self._signals.unsaved.clear()
                if (snapshot := self._ledger.snapshot()) != saved:
                    await self._memory.write(snapshot)
                    saved = snapshot
                await asyncio.sleep(_SAVE_EVERY)
        finally:
            with contextlib.suppress(TimeoutError, Superseded):  # then a little more is delivered again
                async with asyncio.timeout(1.0):
                    await self._memory.write(self._ledger.snapshot())
