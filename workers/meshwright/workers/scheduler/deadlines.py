"""Deadlines: an operation that has not ended in time ends as `timed_out`.

Problem: the worker that should watch the deadline may be the very process that is missing. Invariant: the open
operations follow from EVENTS; a snapshot of them with its sequence is stored in a bucket, and a start continues from
there. Before a time-out is published, the stream is checked for a terminal event.
"""

import datetime
import logging
import time

import msgspec

from meshwright.core import bus as mwbus
from meshwright.schemas import catalog, subjects
from meshwright.schemas.operations import Command, OperationTimedOut
from meshwright.workers.scheduler import verdicts
from meshwright.workers.scheduler.open_operations import Open, OpenOperations, Snapshot

log = logging.getLogger(__name__)
_KEY = "deadlines"
_SNAPSHOT_EVERY = 5.0
_SNAPSHOT_LIMIT = 10_000
"""open operations beyond which no snapshot is stored (a bucket's value has at most 1 MiB): a start then reads further
back"""
_LOOK = 0.25
_OPERATIONS = subjects.fill(subjects.EVENTS, entity="operation")


class Deadlines:
    """Watches the deadlines of all operations."""

    def __init__(self, bus: mwbus.Connection, bucket: mwbus.Bucket) -> None:
        self._bus = bus
        self._bucket = bucket
        self._open = OpenOperations(Snapshot())
        self._saved = (0, 0.0)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._open = OpenOperations(await self._snapshot())
        while True:
            try:
                await self._watch()
            except mwbus.Rewound as error:
                log.error("%s: reading it from its start", error)
                self._open = OpenOperations(Snapshot())

    async def _watch(self) -> None:
        """Raises Rewound when EVENTS is not the stream from which the open operations are known."""
        place = mwbus.Position(seq=self._open.seq, time=self._open.time)
        tail = mwbus.tail(
            self._bus, subjects.EVENTS.stream, after=place, subject=_OPERATIONS, patience=_LOOK, idle=True
        )
        async for messages in tail:
            for received in messages:
                self._note(received)
            try:
                for one in self._open.due(await self._bus.clock.now()):
                    await self._time_out(one)
                await self._save()
            except mwbus.BusUnavailable as error:
                await verdicts.pause(error)

    def _note(self, received: mwbus.Received) -> None:
        self._open.seq, self._open.time = received.seq, received.stored_at()
        about = subjects.parse(subjects.EVENTS, received.subject)
        kind = received.type
        if kind in catalog.TERMINAL_TYPES:
            self._open.ended(about["id"])
        elif kind == Command.wire.name and subjects.can_be_filled(about["workspace"], about["id"]):
            try:
                command = received.message()
            except catalog.UndecodableMessage as error:
                log.debug("not a command: %s", error)  # no worker can decode it: it becomes a dead letter
                return
            assert isinstance(command, Command)
            self._open.accepted(about["workspace"], about["id"], _deadline(received, command))

    async def _time_out(self, one: Open) -> None:
        history = await verdicts.history(self._bus, one.workspace, one.operation)
        if not history.end:
            deadline = datetime.datetime.fromtimestamp(one.deadline, datetime.UTC)
            verdict = OperationTimedOut(deadline=deadline)
            if await verdicts.end(self._bus, one.workspace, one.operation, verdict, history.traceparent):
                log.info("operation %s passed its deadline", one.operation)
        self._open.ended(one.operation)

    async def _snapshot(self) -> Snapshot:
        while True:
            try:
                entry = await self._bucket.get(_KEY)
                return msgspec.json.decode(entry.value, type=Snapshot) if entry else Snapshot()
            except mwbus.BusUnavailable as error:
                await verdicts.pause(error)
            except msgspec.DecodeError as error:
                log.warning(
                    "the snapshot of open operations cannot be decoded, reading EVENTS from its start: %s", error
                )
                return Snapshot()

    async def _save(self) -> None:
        seq, at = self._saved
        if self._open.seq == seq or time.monotonic() - at < _SNAPSHOT_EVERY or len(self._open) > _SNAPSHOT_LIMIT:
            return
        await self._bucket.put(_KEY, msgspec.json.encode(self._open.snapshot()))
        self._saved = (self._open.seq, time.monotonic())


def _deadline(received: mwbus.Received, command: Command) -> datetime.datetime:
    """The deadline by the server's clock, from when it stored the command, as workers compute it."""
    allowed = command.deadline - command.accepted_at
    try:
        return received.stored_at() + allowed
    except OverflowError:  # year 9999 means no deadline
        return datetime.datetime.max.replace(tzinfo=datetime.UTC) if allowed.days > 0 else received.stored_at()
