"""One webhook at work: reads EVENTS, delivers, remembers.

Problem: thousands of events may wait for an endpoint that answers one in ten seconds, and this process may die
between a delivery and its record. Invariant: an event is in the ledger before it counts as read and until its outcome
is told; the ledger is bounded, and when it is full reading waits, so memory is too. What is not yet written down when
the process dies is delivered again.
"""

import asyncio
import contextlib
import logging
import time
from contextlib import aclosing

import httpx

from meshwright.core import bus as mwbus
from meshwright.core import event_filters
from meshwright.schemas import catalog, subjects
from meshwright.schemas.webhooks import UNTOLD_ENTITIES, ReplayRequested, WebhookPinged, WebhookWritten
from meshwright.workers.notifier.backoff import Schedule
from meshwright.workers.notifier.ledger import Ledger, Waiting, resumed
from meshwright.workers.notifier.memory import PAUSE, Memory, Superseded
from meshwright.workers.notifier.posting import WIDTH, Outcome, Poster
from meshwright.workers.notifier.telling import Teller

log = logging.getLogger(__name__)
_STREAM = subjects.EVENTS.stream
_BATCH = 64
_SAVE_EVERY = 0.1
"""seconds between two writes of the ledger, which bounds how much is repeated after a kill"""
_SAVE_WITHIN = 5.0
"""seconds until it is written that events were read which nobody wanted"""
_LOOK = 1.0
"""seconds until a wait looks again by itself"""
_DOWN = 3
"""failures in a row after which a success means that the endpoint is back"""
_TRIMMED = Outcome(detail="EVENTS does not hold the event any more")


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
        self._teller = Teller(bus, workspace, written.document.id)
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._unsaved = asyncio.Event()
        self._failures = 0

    async def run(self) -> None:
        """Deliver until cancelled. Raises BusUnavailable at the start, Superseded."""
        self._ledger = Ledger(resumed(await self._memory.read(), self._written, self._version))
        self._unsaved.set()
        async with self._poster.client() as client, asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._save())
            await self._dispatch(client, group)

    async def _read(self) -> None:
        while True:
            await self._read_from(self._ledger.read + 1)

    async def _read_from(self, start: int) -> None:
        """Read on until a replay wants it from an earlier place."""
        tail = mwbus.tail(self._bus, _STREAM, start=start, subject=self._subjects(), batch=_BATCH)
        async with aclosing(tail):
            async for batch in tail:
                for message in batch:
                    await self._take(message)
                    if self._ledger.read < message.seq:
                        return
                self._changed.set()

    def _subjects(self) -> list[str]:
        """What to read: the workspace and what concerns all, narrowed to the wanted entities by the server."""
        spaces = (self._workspace, subjects.SYSTEM_WORKSPACE)
        entities = set(self._written.document.entities) - set(UNTOLD_ENTITIES)
        if not self._written.document.entities:
            return [subjects.fill(subjects.EVENTS, workspace=space) for space in spaces]
        orders = subjects.fill(
            subjects.EVENTS, workspace=self._workspace, origin="api", entity="webhook", id=self._written.document.id
        )
        wanted = [subjects.fill(subjects.EVENTS, workspace=s, entity=e) for s in spaces for e in sorted(entities)]
        return [*wanted, orders]

    async def _take(self, message: mwbus.Received) -> None:
        """Enter an event into the ledger, or obey it when it is an order."""
        tokens = subjects.parse(subjects.EVENTS, message.subject)
        if tokens["entity"] in UNTOLD_ENTITIES:
            self._ledger.read = message.seq
            if tokens["id"] == self._written.document.id and tokens["origin"] == "api":
                self._obey(message)
            return
        if self._wants(message, tokens["entity"]):
            while not self._ledger.has_room:
                self._room.clear()
                self._changed.set()
                await _set_within(self._room, _LOOK)
            self._ledger.take(message.seq)
            self._unsaved.set()
        self._ledger.read = message.seq

    def _wants(self, message: mwbus.Received, entity: str) -> bool:
        document = self._written.document
        return event_filters.wanted(message.type, entity, document.types, document.entities)

    def _obey(self, message: mwbus.Received) -> None:
        """A ping or a replay, once however often it is read."""
        if message.seq <= self._ledger.ordered:
            return
        try:
            order = message.message()
        except catalog.UndecodableMessage as error:
            log.warning("an order for webhook %s cannot be read: %s", self._written.document.id, error)
            return
        self._ledger.ordered = message.seq
        match order:
            case WebhookPinged():
                self._ledger.take(message.seq)
            case ReplayRequested():
                for event in order.events:
                    self._ledger.take(event)
                if order.from_event is not None:
                    self._ledger.rewind(order.from_event - 1)
        self._unsaved.set()

    async def _dispatch(self, client: httpx.AsyncClient, group: asyncio.TaskGroup) -> None:
        while True:
            one = self._ledger.start(time.time()) if self._ledger.trying < WIDTH else None
            if one is not None:
                group.create_task(self._deliver(client, one))
                continue
            self._changed.clear()
            due = self._ledger.next_due()
            pause = _LOOK if due is None or self._ledger.trying >= WIDTH else min(due - time.time(), _LOOK)
            await _set_within(self._changed, pause)

    async def _deliver(self, client: httpx.AsyncClient, one: Waiting) -> None:
        """One try of one event, and what follows from it."""
        event = await self._fetch(one.event)
        if event is not None and not self._may_get(event):
            self._settle(one.event)
            return
        outcome = _TRIMMED
        if event is not None:
            outcome = await self._poster.post(client, self._workspace, self._written, event, one.attempts + 1)
        hopeless = event is None or outcome.delivered or outcome.gone
        pause = None if hopeless else self._schedule.pause(one.attempts + 1, outcome.wish)
        due = None if pause is None else time.time() + pause
        await self._teller.tell(one, event, outcome, due)
        if due is None:
            self._settle(one.event)
        else:
            self._ledger.again(one, due)
        self._note_health(outcome)
        self._unsaved.set()
        self._changed.set()
        if outcome.gone:
            await self._teller.disable(self._written, self._version, outcome.detail)

    def _may_get(self, event: mwbus.Received) -> bool:
        """Whether an order may have this event delivered: the workspace's own, and of webhooks only the pings."""
        tokens = subjects.parse(subjects.EVENTS, event.subject)
        if tokens["workspace"] not in (self._workspace, subjects.SYSTEM_WORKSPACE):
            return False
        return tokens["entity"] not in UNTOLD_ENTITIES or (
            event.type == WebhookPinged.wire.name and tokens["id"] == self._written.document.id
        )

    def _settle(self, event: int) -> None:
        self._ledger.settled(event)
        self._room.set()
        self._unsaved.set()
        self._changed.set()

    def _note_health(self, outcome: Outcome) -> None:
        """An endpoint that is back gets at once what it has missed, instead of hours later."""
        if not outcome.delivered:
            self._failures += 1
            return
        if self._failures >= _DOWN:
            self._ledger.hurry()
        self._failures = 0

    async def _fetch(self, seq: int) -> mwbus.Received | None:
        while True:
            try:
                return await self._bus.at(_STREAM, seq)
            except mwbus.BusUnavailable:
                await asyncio.sleep(PAUSE)

    async def _save(self) -> None:
        """Keep the ledger: soon after it changed, at the end, and nothing more often than `_SAVE_EVERY`."""
        saved = None
        try:
            while True:
                await _set_within(self._unsaved, _SAVE_WITHIN)
                self._unsaved.clear()
                if (snapshot := self._ledger.snapshot()) != saved:
                    await self._memory.write(snapshot)
                    saved = snapshot
                await asyncio.sleep(_SAVE_EVERY)
        finally:
            with contextlib.suppress(TimeoutError, Superseded):  # then a little more is delivered again
                async with asyncio.timeout(1.0):
                    await self._memory.write(self._ledger.snapshot())


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most so long."""
    try:
        async with asyncio.timeout(max(seconds, 0)):
            await event.wait()
    except TimeoutError:
        return
