"""Reading traffic: which windows and roll-ups are stored, and what they add up to.

Invariant: a window of a span is counted once, in itself or in the one roll-up that was chosen for it.
"""

import datetime
from collections.abc import Sequence

import msgspec

from meshwright.core.measurements.totals import Totals
from meshwright.core.store import kinds, paging
from meshwright.core.store.connecting import Document
from meshwright.core.store.documents import MeasuredWindow
from meshwright.core.store.generations import LiveViews
from meshwright.core.store.traffic import pipelines
from meshwright.core.store.traffic.choosing import RolledUp, chosen
from meshwright.core.store.traffic.pipelines import EVERYTHING, By, Key, Selection, Window

MAX_WINDOWS = 25_000
"""six hours of a window a second"""
SETTLED = datetime.timedelta(seconds=150)
"""a roll-up is read when its span ended so long ago: until then the projector may replace it while it is read"""


class TrafficViews(LiveViews):
    """What was measured of the meshes."""

    async def metrics(
        self,
        workspace: str,
        mesh: str,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        limit: int = 500,
    ) -> list[MeasuredWindow]:
        """Measured windows of a mesh, newest first, `since` inclusive and `until` exclusive by their start."""
        query: Document = {"workspace": workspace, "mesh": mesh, **self._of_now(workspace, "time")}
        paging.within(query, "start", since, until)
        rows = await self._rows(kinds.METRIC_LOG, query, -1, limit)
        return [msgspec.convert({**row, "seq": row["_id"]}, MeasuredWindow) for row in rows]

    async def windows(
        self,
        workspace: str,
        mesh: str,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        newest: bool = True,
        limit: int = MAX_WINDOWS,
    ) -> list[Window]:
        """Which windows of a mesh are stored, newest first or oldest; `since` inclusive and `until` exclusive."""
        query: Document = {"workspace": workspace, "mesh": mesh, **self._of_now(workspace, "time")}
        paging.within(query, "start", since, until)
        direction = -1 if newest else 1
        size = max(1, min(limit, MAX_WINDOWS))
        with self._database.bounded("list measured windows"):
            collection = await self._collection(kinds.METRIC_LOG)
            asked = collection.find(query, {"_id": 1, "start": 1, "seconds": 1, "time": 1})
            rows = await asked.sort([("start", direction), ("_id", direction)]).limit(size).to_list(size)
        return [Window(seq=row["_id"], start=row["start"], seconds=row["seconds"], time=row["time"]) for row in rows]

    async def span(
        self,
        workspace: str,
        mesh: str,
        *,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        step: float | None = None,
    ) -> list[Window]:
        """The fewest rows that together are all windows of a span, newest first: of hours, of minutes, as measured.

        With `step`, a number of seconds, each of them is in one of the steps that begin at multiples of it.
        """
        windows = await self.windows(workspace, mesh, since=since, until=until)
        rolled = await self._rolled_up(workspace, mesh, since, until)
        return chosen(windows, rolled, since=since, until=until, step=step)

    async def oldest(self, workspace: str, mesh: str) -> datetime.datetime | None:
        """The start of the oldest that is stored, in whatever form."""
        windows = await self.windows(workspace, mesh, newest=False, limit=1)
        query: Document = {"workspace": workspace, "mesh": mesh, **self._of_now(workspace, "oldest")}
        with self._database.bounded("read the oldest roll-up"):
            collection = await self._collection(kinds.ROLL_UPS)
            rows = await collection.find(query, {"_id": 0, "start": 1}).sort([("start", 1)]).limit(1).to_list(1)
        return min([*(window.start for window in windows), *(row["start"] for row in rows)], default=None)

    async def traffic(
        self,
        workspace: str,
        mesh: str,
        windows: Sequence[Window],
        *,
        by: By,
        since: datetime.datetime,
        step: float = 1.0,
        selection: Selection = EVERYTHING,
    ) -> dict[Key, Totals]:
        """The sums of windows, or of rows of roll-ups: by edge, by window (its sequence), or by step from `since`."""
        if not windows:
            return {}
        with self._database.bounded("add up measured windows"):
            collection = await self._collection(kinds.ROLL_UPS if windows[0].key else kinds.METRIC_LOG)
            ids = [window.id for window in windows]
            return await pipelines.added(collection, ids, by=by, since=since, step=step, selection=selection)

    async def _rolled_up(
        self, workspace: str, mesh: str, since: datetime.datetime | None, until: datetime.datetime | None
    ) -> list[RolledUp]:
        settled = datetime.datetime.now(datetime.UTC) - SETTLED
        query: Document = {"workspace": workspace, "mesh": mesh, **self._of_now(workspace, "oldest")}
        paging.within(query, "start", since, min(until, settled) if until else settled)
        fields = dict.fromkeys(("resolution", "start", "part", "seq", "time", "seconds"), 1)
        with self._database.bounded("list roll-ups"):
            collection = await self._collection(kinds.ROLL_UPS)
            rows = await collection.find(query, {"_id": 0, **fields}).to_list(None)
        heads = [RolledUp(workspace=workspace, mesh=mesh, **row) for row in rows]
        return [head for head in heads if head.end <= settled]
