"""Every mesh at a glance: its state, its proxies, and its traffic, the newest or that of a span.

Invariant: what is read does not grow with the size of a mesh: its proxies are counted by the database, and of its
windows only sums are read.
"""

import asyncio
import datetime
from collections.abc import Mapping, Sequence

from meshwright.core.measurements.totals import Totals
from meshwright.core.store import Views
from meshwright.core.store.traffic.pipelines import Key, Window
from meshwright.schemas.meshes import Condition, Mesh
from meshwright.schemas.readings.overview import MeshOverview, ProxyCounts
from meshwright.schemas.readings.traffic import Series, SeriesPoint, TrafficNumbers
from meshwright.ui_api.reading.traffic import series

SPARKLINE = 30
"""the newest windows that are shown one by one"""
_AT_ONCE = 4
"""meshes that are read at the same time"""


async def glance(
    views: Views,
    workspace: str,
    meshes: Sequence[Mesh],
    counts: Mapping[tuple[str, ...], int],
    since: datetime.datetime | None = None,
) -> list[MeshOverview]:
    """These meshes, with `counts` of their proxies by mesh and state and their traffic `since` then, or else of the
    newest windows. Raises StoreUnavailable.
    """
    places = asyncio.Semaphore(_AT_ONCE)

    async def read(mesh: Mesh) -> MeshOverview:
        async with places:
            if since is not None:
                now = datetime.datetime.now(datetime.UTC)
                span = await series.of_span(views, workspace, mesh.id, since, now, SPARKLINE)
                return over(mesh, proxies(mesh.id, counts), span)
            windows = await views.windows(workspace, mesh.id, limit=SPARKLINE)
            begin = windows[-1].start if windows else mesh.observed_at
            sums = await views.traffic(workspace, mesh.id, windows, by="window", since=begin)
            return overview(mesh, proxies(mesh.id, counts), windows, sums)

    return list(await asyncio.gather(*(read(mesh) for mesh in meshes)))


def overview(mesh: Mesh, counts: ProxyCounts, windows: Sequence[Window], sums: Mapping[Key, Totals]) -> MeshOverview:
    """One mesh, with the sums of its newest windows by their sequence."""
    total = Totals()
    for each in sums.values():
        total.add(each)
    seconds = sum(window.seconds for window in windows)
    points = [
        series.point(window.start, window.seconds, sums.get(window.seq, Totals())) for window in reversed(windows)
    ]
    return _glance(mesh, counts, total.numbers(seconds) if windows else None, points)


def over(mesh: Mesh, counts: ProxyCounts, span: Series) -> MeshOverview:
    """One mesh with its traffic of a span."""
    numbers = {name: getattr(span.total, name) for name in TrafficNumbers.__struct_fields__}
    traffic = TrafficNumbers(**numbers) if span.total.seconds else None
    return _glance(mesh, counts, traffic, span.points, complete=span.complete)


def _glance(
    mesh: Mesh,
    counts: ProxyCounts,
    traffic: TrafficNumbers | None,
    points: list[SeriesPoint],
    *,
    complete: bool = True,
) -> MeshOverview:
    return MeshOverview(
        id=mesh.id,
        kind=mesh.kind,
        adapter=mesh.adapter,
        connection=mesh.connection,
        version=mesh.version,
        state=mesh.state,
        condition=worst(mesh.conditions),
        workloads=mesh.workloads,
        proxies=counts,
        traffic=traffic,
        sparkline=points,
        complete=complete,
        observed_at=mesh.observed_at,
    )


def proxies(mesh: str, counts: Mapping[tuple[str, ...], int]) -> ProxyCounts:
    """The proxies of a mesh by state."""
    return ProxyCounts(
        total=sum(count for (name, _), count in counts.items() if name == mesh),
        in_sync=counts.get((mesh, "synced"), 0),
        stale=counts.get((mesh, "stale"), 0),
        rejected=counts.get((mesh, "rejected"), 0),
        disconnected=counts.get((mesh, "disconnected"), 0),
    )


def worst(conditions: Sequence[Condition]) -> Condition | None:
    """The first condition that does not hold, or else the first that is unknown."""
    for status in ("False", "Unknown"):
        for condition in conditions:
            if condition.status == status:
                return condition
    return None
