"""The pipeline of one stream into the views: read, fold, write, move the checkpoint.

Invariant: the next batch is folded while the one before is written, never more; a failed write is retried from memory
without losing its position, and after a crash reading continues at the checkpoint. While there are more messages, the
checkpoint of a batch is written together with the next batch; while there are none, it is checked regularly, because an
older copy of the database may be restored.
"""

import asyncio
import contextlib
import datetime
import logging
from collections.abc import Sequence

from meshwright.core import bus as mwbus
from meshwright.core.operations.records import Fact
from meshwright.core.store import Checkpoint, kinds
from meshwright.core.store.waiting import until_available
from meshwright.core.store.writing import Batch, Refusal, Writer
from meshwright.core.telemetry import tracing
from meshwright.schemas.discovery import REMOVED_KEPT
from meshwright.workers.projector import rows
from meshwright.workers.projector.batches import Folder, Tally

log = logging.getLogger(__name__)
BATCH = 500
_REMOVALS_KNOWN = datetime.timedelta(seconds=REMOVED_KEPT / 2)
"""a reader that was away for less time has missed no removal, whatever the clocks say"""
_CHECK_S = 1.0
"""seconds without a batch until the checkpoint is checked"""


class Pipeline:
    """Projects one stream into one generation."""

    def __init__(
        self, connection: mwbus.Connection, writer: Writer, stream: str, tally: Tally, *, traced: bool = False
    ) -> None:
        self._bus = connection
        self._writer = writer
        self._stream = stream
        self._tally = tally
        self._folder = Folder(writer, tally)
        self._traced = traced
        self._waiting: asyncio.Queue[tuple[Batch, list[Fact]]] = asyncio.Queue(maxsize=1)

    async def run(self) -> None:
        """Project until cancelled.

        Raises Rewound when the stream is not the one that was projected, DatabaseRestored when the database is not.
        """
        place = await until_available(self._writer.position, self._stream)
        await mwbus.until_available(self._refuse_gap, place)
        log.debug("projecting %s from %d", self._stream, place.seq + 1)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(mwbus.Position(seq=place.seq, time=place.time)))
            group.create_task(self._write())

    async def _refuse_gap(self, place: Checkpoint) -> None:
        """Raises Rewound when messages about removals may have expired in the stream meanwhile."""
        if self._stream not in kinds.COMPLETE or place.time is None:
            return
        missed = datetime.datetime.now(datetime.UTC) - place.time > _REMOVALS_KNOWN
        if missed and (await self._bus.stream_bounds(self._stream))[1] > place.seq:
            raise mwbus.Rewound(
                f"{self._stream} was not read since {place.time}: messages about removals may have expired"
            )

    async def _read(self, place: mwbus.Position) -> None:
        async for messages in mwbus.tail(self._bus, self._stream, after=place, batch=BATCH):
            await self._waiting.put(await until_available(self._folder.fold, messages))

    async def _write(self) -> None:
        settled: Sequence[Checkpoint] = ()
        while True:
            if settled and self._waiting.empty():
                await until_available(self._writer.advance, settled)
                settled = ()
            batch, seen = await self._next()
            refusals = await until_available(self._writer.write, batch, settled)
            settled = batch.checkpoints
            if refusals:
                await self._report(refusals)
            if self._traced:
                _trace(seen)

    async def _next(self) -> tuple[Batch, list[Fact]]:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_S):
                    return await self._waiting.get()
            await until_available(self._writer.position, self._stream)

    async def _report(self, refusals: list[Refusal]) -> None:
        """Report a document that MongoDB will never accept, with its newest fact; its last valid state stays."""
        for refusal in refusals:
            folded = refusal.folded
            self._tally.set_aside.add(self._stream)
            log.warning("%s %s cannot be stored: %s", folded.kind.name, folded.key, refusal.reason)
        await until_available(self._writer.set_aside, [rows.of_refusal(self._stream, each) for each in refusals])


def _trace(seen: list[Fact]) -> None:
    """The last span of each operation's trace: from the moment the bus stored an event until it is visible."""
    for fact in seen:
        if fact.trace_id and fact.entity == "operation":
            with tracing.continued(fact.source.headers["traceparent"]):
                lag = datetime.datetime.now(datetime.UTC) - fact.time
                with tracing.span("project", type=fact.type, seq=fact.seq, lag_ms=int(lag.total_seconds() * 1000)):
                    pass
