"""Adding up the windows of any span, page by page.

Problem: a span may hold thousands of windows, and each call of the database has to end in time. Invariant: windows, and
the roll-ups that stand for many, are added newest first in pages whose size follows how long the last one took; when
the time for an answer has passed, the rest is left out and the answer says so. Memory holds the sums, not the windows.
"""

import datetime
import time
from collections.abc import Sequence

import msgspec

from meshwright.core.measurements.totals import Totals
from meshwright.core.store import Views
from meshwright.core.store.traffic.pipelines import EVERYTHING, By, Key, Selection, Window

FIRST_PAGE = 2
LARGEST_PAGE = 2000
PAGE_S = 0.4
"""seconds that a page should take"""
ANSWER_S = 8.0
"""seconds after which no further page is read"""


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """The sums by key, the windows in them (newest first), and whether these are all of the span."""

    sums: dict[Key, Totals]
    windows: list[Window]
    complete: bool

    @property
    def start(self) -> datetime.datetime | None:
        """When the oldest window began."""
        return self.windows[-1].start if self.windows else None

    @property
    def seconds(self) -> float:
        """How long was measured."""
        return round(sum(window.seconds for window in self.windows), 3)


async def add_up(
    views: Views,
    workspace: str,
    mesh: str,
    windows: Sequence[Window],
    *,
    by: By,
    since: datetime.datetime,
    step: float = 1.0,
    selection: Selection = EVERYTHING,
    within: float = ANSWER_S,
) -> Added:
    """Adds up these windows, which are newest first. Raises StoreUnavailable."""
    sums: dict[Key, Totals] = {}
    done, size = 0, FIRST_PAGE
    end = time.monotonic() + within
    while done < len(windows) and (not done or time.monotonic() < end):
        begin = time.monotonic()
        page = _page(windows, done, size)
        part = await views.traffic(workspace, mesh, page, by=by, since=since, step=step, selection=selection)
        for key, total in part.items():
            if key in sums:
                sums[key].add(total)
            else:
                sums[key] = total
        done += len(page)
        growth = PAGE_S / max(time.monotonic() - begin, 0.001)
        size = max(1, min(int(size * min(max(growth, 0.25), 4.0)), LARGEST_PAGE))
    return Added(sums=sums, windows=list(windows[:done]), complete=done == len(windows))


def _page(windows: Sequence[Window], begin: int, size: int) -> Sequence[Window]:
    """So many from there on, but not roll-ups and windows as they were measured in one."""
    end, rolled_up = begin + 1, bool(windows[begin].key)
    while end < min(begin + size, len(windows)) and bool(windows[end].key) is rolled_up:
        end += 1
    return windows[begin:end]
