"""One batch of messages becomes one batch of writes.

Invariant: however many events of a batch change a document, it is written once; an event that a document already
includes (by sequence) changes nothing; a message that cannot be projected changes nothing and is set aside.
"""

import logging
from collections.abc import Sequence
from typing import Any, TypeAlias

from meshwright.core import bus
from meshwright.core.bus.stream import copying
from meshwright.core.operations import records
from meshwright.core.operations.records import Fact, Unprojectable
from meshwright.core.store import Checkpoint, Kind, kinds
from meshwright.core.store.writing import Batch, Folded, Writer
from meshwright.core.telemetry.metrics import Registry
from meshwright.schemas.telemetry import EdgesMeasured
from meshwright.workers.projector import rows
from meshwright.workers.projector.cache import Cache
from meshwright.workers.projector.folding.routes import Route, applied, ends, routes

log = logging.getLogger(__name__)
Places: TypeAlias = Sequence[tuple[Route, str]]
"""views that a fact changes, each with the key of the document or, for one that ends a mesh, with the mesh"""


class Tally:
    """The counts of a projection since it started, by stream; `unhandled` are types that this version does not know."""

    def __init__(self) -> None:
        self.registry = Registry()
        counter = self.registry.counter
        self.messages = counter("meshwright_projected_total", "Messages folded into the views", "stream")
        self.unhandled = counter("meshwright_unhandled_total", "Messages of an unknown type", "stream")
        self.set_aside = counter("meshwright_set_aside_total", "Messages that could not be projected", "stream")

    @property
    def seen(self) -> int:
        """The number of messages read, of all outcomes."""
        return int(sum(self.messages.values.values()))


class Folder:
    """Folds the batches of one stream."""

    def __init__(self, writer: Writer, tally: Tally, cache: Cache | None = None) -> None:
        self._writer = writer
        self._tally = tally
        self._cache = cache or Cache()
        self._folded_before = 0

    async def fold(self, messages: Sequence[bus.Received]) -> tuple[Batch, list[Fact]]:
        """The writes for these messages, and their facts.

        Raises StoreUnavailable when a document that is needed cannot be loaded; folding them again is then right.
        """
        logs: dict[str, list[dict[str, Any]]] = {}
        readable: list[tuple[Fact, Places, Places]] = []
        for received in messages:
            try:
                fact = records.read(received)
                readable.append((fact, [(route, route.key(fact)) for route in routes(fact)], ends(fact)))
            except Unprojectable as error:
                self._put_aside(received, str(error), logs)
        await self._load(readable)
        touched: dict[tuple[str, str], Folded] = {}
        seen = []
        for fact, places, ended in readable:
            try:
                everywhere = [*places, *self._of_ended_mesh(fact, ended)] if ended else places
                changed = [
                    applied(self._cache.get((route.kind.name, key)), route, key, fact) for route, key in everywhere
                ]
            except Exception as error:  # an error in a fold must not block later messages
                self._put_aside(fact.source, f"{type(error).__name__}: {error}", logs)
                continue
            for folded in changed:
                if folded is not None:
                    self._cache.put(folded)
                    touched[folded.kind.name, folded.key] = folded
            self._log_row(fact, logs)
            seen.append(fact)
        self._cache.trim(unwritten=len(touched) + self._folded_before)
        self._folded_before = len(touched)
        self._tally.messages.add(messages[-1].stream, by=len(messages))
        return Batch(documents=list(touched.values()), rows=logs, checkpoints=_positions(messages)), seen

    async def _load(self, readable: Sequence[tuple[Fact, Places, Places]]) -> None:
        missing: dict[str, tuple[Kind[Any], set[str]]] = {}
        for _, places, _ in readable:
            for route, key in places:
                if (route.kind.name, key) not in self._cache:
                    missing.setdefault(route.kind.name, (route.kind, set()))[1].add(key)
        for kind, keys in missing.values():
            self._cache.fill(await self._writer.load(kind, list(keys)))
        for fact, _, ended in readable:
            for route, mesh in ended:
                self._cache.lend(await self._writer.load_of_mesh(route.kind, fact.workspace, mesh))

    def _of_ended_mesh(self, fact: Fact, ended: Places) -> Places:
        """The other changes of a fact that ends a mesh: every document of it, which `_load` has loaded."""
        return [
            (route, key) for route, mesh in ended for key in self._cache.of_mesh(route.kind.name, fact.workspace, mesh)
        ]

    def _log_row(self, fact: Fact, logs: dict[str, list[dict[str, Any]]]) -> None:
        if fact.message is None:
            self._tally.unhandled.add(fact.stream)
        if fact.stream == "EVENTS":
            logs.setdefault(kinds.EVENT_LOG, []).append(rows.of_event(fact))
        elif isinstance(fact.message, EdgesMeasured):
            logs.setdefault(kinds.METRIC_LOG, []).append(rows.of_window(fact, fact.message))

    def _put_aside(self, received: bus.Received, reason: str, logs: dict[str, list[dict[str, Any]]]) -> None:
        self._tally.set_aside.add(received.stream)
        log.warning("set aside %s/%d (%s): %s", received.stream, received.seq, received.subject, reason)
        logs.setdefault(kinds.SET_ASIDE, []).append(rows.of_set_aside(received, reason, received.stored_at()))


def _positions(messages: Sequence[bus.Received]) -> list[Checkpoint]:
    """How far the views are after this batch: in its stream, and in COMMANDS when it contains copies of commands."""
    last = messages[-1]
    positions = [Checkpoint(stream=last.stream, seq=last.seq, time=last.stored_at())]
    for received in reversed(messages):
        origin = copying.copied_from(received) if last.stream == "EVENTS" else None
        if origin is not None and origin.stream == kinds.COMMANDS:
            positions.append(Checkpoint(stream=kinds.COMMANDS, seq=origin.seq, time=received.stored_at()))
            break
    return positions
