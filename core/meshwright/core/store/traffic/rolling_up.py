"""Adding windows to the roll-ups of their minute and their hour.

Problem: windows come late, are stored again after a crash, and leave the views after hours, while their sums are kept
for weeks. Invariant: a row is the sum of the windows that began in its span, up to the position that stands in it, so
adding a window again changes nothing, and the same windows in any cuts and any order of their meshes give the same
rows. A window whose roll-up would have expired already is left out.

A row holds at most EDGES_PER_ROW edges, and an edge stays in the row where it came first: those of a large mesh have
several, of which the further ones are written first. So readers see by the positions whether all are there.
"""

import datetime
import itertools
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pymongo import UpdateOne
from pymongo.errors import DocumentTooLarge

from meshwright.core.measurements.merging import NAMES, EdgeNames
from meshwright.core.measurements.resolutions import MINUTES, RESOLUTIONS, Resolution
from meshwright.core.measurements.totals import Totals
from meshwright.core.store import checkpoints, generations, kinds
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.connecting import Database, Document
from meshwright.core.store.errors import translated
from meshwright.core.store.traffic import pipelines
from meshwright.core.store.traffic.choosing import Position, RolledUp, is_in
from meshwright.core.store.traffic.pipelines import Window, read_totals, stored_totals

log = logging.getLogger(__name__)
EDGES_PER_ROW = 500
"""an edge with a histogram of a thousand buckets takes 60 KiB, and a document 16 MiB"""
_ROLLED_UP = "roll-ups"
"""the name of their checkpoint, which is a position in METRICS"""
_AT_ONCE, _EDGES_AT_ONCE = 500, 60_000
"""windows that are added in one go, and how many edges they may have together"""
_EPOCH = datetime.datetime.fromtimestamp(0, datetime.UTC)
Sums = Mapping[EdgeNames, Totals]


class Taken(msgspec.Struct, frozen=True):
    """Some windows in the order of their stream, by workspace and mesh, and the position of the last."""

    by_mesh: Mapping[tuple[str, str], Sequence[Window]]
    last: Checkpoint


class RollUps:
    """Writes the roll-ups of one generation. Methods raise StoreUnavailable and may then be repeated."""

    def __init__(self, database: Database, generation: int) -> None:
        self._database = database
        self._generation = generation
        self._windows = database.collection(generations.collection_name(kinds.METRIC_LOG, generation))
        self._rows = database.collection(generations.collection_name(kinds.ROLL_UPS, generation))

    async def take(self) -> Taken | None:
        """The next windows that are not added yet; None when all are."""
        done = await checkpoints.read(self._database, self._generation, _ROLLED_UP)
        there = await checkpoints.read(self._database, self._generation, kinds.TOPOLOGY.stream)
        fields: Document = dict.fromkeys(("workspace", "mesh", "start", "seconds", "time"), 1)
        fields["edges"] = {"$size": "$edges"}
        with translated("read the windows to roll up"):
            asked = self._windows.find({"_id": {"$gt": done.seq, "$lte": there.seq}}, fields)
            rows = await asked.sort("_id", 1).limit(_AT_ONCE).to_list(None)
        by_mesh: dict[tuple[str, str], list[Window]] = {}
        window, edges = None, 0
        for row in rows:
            edges += row["edges"]
            if window and edges > _EDGES_AT_ONCE:
                break
            window = Window(seq=row["_id"], start=row["start"], seconds=row["seconds"], time=row["time"])
            by_mesh.setdefault((row["workspace"], row["mesh"]), []).append(window)
        if window is None:
            return None
        return Taken(by_mesh, Checkpoint(stream=_ROLLED_UP, seq=window.seq, time=window.time))

    async def add(self, taken: Taken) -> None:
        """Add these windows, and remember that they are added."""
        now = datetime.datetime.now(datetime.UTC)
        for (workspace, mesh), windows in taken.by_mesh.items():
            sums = _Sums(self._windows)
            for resolution in RESOLUTIONS:
                for start, within in _by_span(windows, resolution).items():
                    if start + resolution.kept > now:
                        await self._extend(workspace, mesh, resolution, start, within, sums)
        await checkpoints.advance(self._database, self._generation, taken.last)

    async def _extend(
        self,
        workspace: str,
        mesh: str,
        resolution: Resolution,
        start: datetime.datetime,
        windows: Sequence[Window],
        sums: "_Sums",
    ) -> None:
        """Add these windows to the rows of one span."""
        place = {"workspace": workspace, "mesh": mesh, "start": start, "resolution": resolution.seconds}
        with translated("read a roll-up"):
            stored = await self._rows.find(place).sort("part", 1).to_list(None)
        rows = [_Row.of(row) for row in stored] or [_Row()]
        known = {names for row in rows for names in row.edges}
        for row in rows:
            fresh = [window for window in windows if not is_in(window, row.position)]
            more = await sums.of(fresh)
            row.add({names: total for names, total in more.items() if names in row.edges})
            row.move_on(fresh)
            if row is rows[0]:
                row.seconds += sum(window.seconds for window in fresh)
        new = {names: total for names, total in (await sums.of(windows)).items() if names not in known}
        await self._replace(
            [row.document(place, part, start + resolution.kept) for part, row in enumerate(_with(rows, new))]
        )

    async def _replace(self, documents: Sequence[Document]) -> None:
        """Write rows unless newer ones are there, those of further parts first."""
        writes = [_replacement(document) for document in reversed(documents)]
        with translated("write a roll-up"):
            try:
                await self._rows.bulk_write(writes, ordered=True)
            except DocumentTooLarge as error:
                log.warning("the roll-up %s is too large and is left as it was: %s", documents[0]["_id"], error)


class _Sums:
    """The sums by edge of windows of one mesh, by the minute, each of which is asked for once."""

    def __init__(self, collection: Any) -> None:
        self._collection = collection
        self._known: dict[tuple[int, ...], Sums] = {}

    async def of(self, windows: Sequence[Window]) -> Sums:
        parts = [await self._minute(within) for within in _by_span(windows, MINUTES).values()]
        if len(parts) == 1:
            return parts[0]
        result: dict[EdgeNames, Totals] = {}
        for part in parts:
            _add(result, part)
        return result

    async def _minute(self, windows: Sequence[Window]) -> Sums:
        ids = tuple(window.seq for window in windows)
        if ids not in self._known:
            with translated("add up windows"):
                added: Any = await pipelines.added(self._collection, ids, by="edge", since=windows[0].start)
            self._known[ids] = added
        return self._known[ids]


class _Row:
    """A row while windows are added to it."""

    def __init__(self) -> None:
        self.edges: dict[EdgeNames, Totals] = {}
        self.seconds = 0.0
        self.position: Position = (0, _EPOCH)
        self.oldest: datetime.datetime | None = None

    @classmethod
    def of(cls, row: Document) -> "_Row":
        result = cls()
        for edge in row["edges"]:
            names: Any = tuple(edge[name] for name in NAMES)
            result.edges[names] = read_totals(edge)
        result.seconds, result.oldest = row["seconds"], row["oldest"]
        result.position = (row["seq"], row["time"])
        return result

    def add(self, more: Sums) -> None:
        _add(self.edges, more)

    def move_on(self, windows: Sequence[Window]) -> None:
        """Move the position behind these windows, of which the newest is the last."""
        times = [window.time for window in windows if window.time is not None]
        if times:
            self.position = (windows[-1].seq, max(self.position[1], *times))
            self.oldest = min([*times, *filter(None, [self.oldest])])

    def document(self, place: Document, part: int, expire_at: datetime.datetime) -> Document:
        total = Totals()
        for each in self.edges.values():
            total.add(each)
        seq, time = self.position
        head = RolledUp(**place, part=part, seq=seq, time=time, seconds=round(self.seconds, 3))
        edges = [
            dict(zip(NAMES, names, strict=True)) | stored_totals(each) for names, each in sorted(self.edges.items())
        ]
        return {
            "_id": head.key, **msgspec.structs.asdict(head), "oldest": self.oldest, "expire_at": expire_at,
            "edges": edges, "total": stored_totals(total),
        }  # fmt: skip


def _with(rows: Sequence[_Row], new: Sums) -> list[_Row]:
    """These rows and the edges that are in none of them: in the last while it has room, then in further ones."""
    left = iter(new.items())
    result = list(rows)
    result[-1].add(dict(itertools.islice(left, max(EDGES_PER_ROW - len(result[-1].edges), 0))))
    while some := dict(itertools.islice(left, EDGES_PER_ROW)):
        row = _Row()
        row.add(some)
        row.position, row.oldest = rows[0].position, rows[0].oldest
        result.append(row)
    return result


def _add(sums: dict[EdgeNames, Totals], more: Sums) -> None:
    for names, total in more.items():
        known = sums.get(names)
        if known is None:
            known = sums[names] = Totals()
        known.add(total)


def _by_span(windows: Sequence[Window], resolution: Resolution) -> dict[datetime.datetime, list[Window]]:
    result: dict[datetime.datetime, list[Window]] = {}
    for window in windows:
        result.setdefault(resolution.begin(window.start), []).append(window)
    return result


def _replacement(row: Document) -> UpdateOne:
    same = {"$and": [{"$eq": ["$time", row["time"]]}, {"$gte": ["$seq", row["seq"]]}]}
    not_older = {"$or": [{"$gt": ["$time", row["time"]]}, same]}
    return UpdateOne(
        {"_id": row["_id"]},
        [{"$replaceWith": {"$cond": [not_older, "$$ROOT", {"$literal": row}]}}],
        upsert=True,
    )
