"""Roll-ups are the sums of the windows in their spans: in any cuts, again, late, after windows have expired."""

import datetime
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
import pytest

from meshwright.core import store
from meshwright.core.measurements import totals
from meshwright.core.measurements.merging import NAMES
from meshwright.core.measurements.resolutions import HOURS, MINUTES, RESOLUTIONS, Resolution
from meshwright.core.store import carrying, checkpoints, generations, indexes
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.traffic import rolling_up
from meshwright.core.store.traffic.pipelines import read_totals, stored_totals
from meshwright.core.store.traffic.rolling_up import RollUps
from meshwright.core.store.writing import Batch, Writer
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas.telemetry import Edge
from rig.inputs.edges import edge

pytestmark = pytest.mark.servers
NOW = datetime.datetime.now(datetime.UTC).replace(minute=30, second=0, microsecond=0)
SECOND = datetime.timedelta(seconds=1)
PLACES = [("default", "m"), ("default", "other"), ("elsewhere", "m")]
_PLACE = {"seq", "time", "oldest"}
"""what a row says of the stream, not of the traffic"""


@pytest.fixture
async def database(mongo_database: MongoDatabase) -> AsyncIterator[store.Database]:
    """An empty database."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=20) as opened:
        yield opened


def windows(chance: random.Random, count: int, hours: float = 2.5) -> list[dict[str, Any]]:
    """Windows of three meshes, of which a quarter comes late by any time."""
    result = []
    for number in range(count):
        start = NOW - datetime.timedelta(hours=hours) * (1 - number / count)
        if chance.random() < 0.25:
            start -= chance.randrange(7200) * SECOND
        workspace, mesh = chance.choice(PLACES)
        edges = [edge(chance) for _ in range(chance.randrange(4))]
        edges = [msgspec.structs.replace(each, mutual_tls=chance.choice([None, 0.5, 1.0])) for each in edges]
        result.append({
            "workspace": workspace, "mesh": mesh, "origin": "envoy", "start": start, "seconds": 10.0,
            "edges": msgspec.to_builtins(edges), "total": stored_totals(totals.of_edges(edges)),
        })  # fmt: skip
    return result


def streamed(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same as rows of a stream in that order."""
    return [{**row, "_id": seq, "time": NOW + seq * SECOND} for seq, row in enumerate(rows, 1)]


async def project(database: store.Database, generation: int, rows: Sequence[dict[str, Any]]) -> None:
    """Store rows as the projector does, again where they are there, with their checkpoint."""
    await Writer(database, generation).write(Batch(documents=[], rows={"metrics": list(rows)}, checkpoints=[]))
    last = Checkpoint(stream="METRICS", seq=rows[-1]["_id"], time=rows[-1]["time"])
    await checkpoints.advance(database, generation, last)


async def roll_up(database: store.Database, generation: int) -> None:
    """Until all windows are added."""
    roll_ups = RollUps(database, generation)
    while (taken := await roll_ups.take()) is not None:
        await roll_ups.add(taken)


async def stored(database: store.Database, generation: int) -> dict[str, dict[str, Any]]:
    """What the roll-ups say of the traffic."""
    rows = await database.collection(generations.collection_name("roll_ups", generation)).find({}).to_list(None)
    return {row["_id"]: {name: value for name, value in row.items() if name not in _PLACE} for row in rows}


def expected(rows: Sequence[dict[str, Any]], resolution: Resolution) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What each span of each mesh has, added up here."""
    spans: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        spans.setdefault((row["workspace"], row["mesh"], resolution.begin(row["start"])), []).append(row)
    result = {}
    for place, within in spans.items():
        edges = [msgspec.convert(each, Edge) for row in within for each in row["edges"]]
        total = totals.of_edges(edges)
        result[place] = (10.0 * len(within), total.requests, total.errors, total.quantile(0.99), total.secured)
    return result


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_replayed_three_times_and_shuffled_they_are_the_same(database: store.Database, seed: int) -> None:
    """In any cuts, with every crash between two writes, redelivered, and with the meshes in another order."""
    chance = random.Random(seed)
    rows = windows(chance, 150)
    by_mesh: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_mesh.setdefault((row["workspace"], row["mesh"]), []).append(row)
    order = [place for place, own in by_mesh.items() for _ in own]
    chance.shuffle(order)
    queues = {place: iter(own) for place, own in by_mesh.items()}
    shuffled = [next(queues[place]) for place in order]
    for generation, stream in ((1, streamed(rows)), (2, streamed(rows)), (3, streamed(shuffled))):
        begin = 0
        while begin < len(stream):
            end = begin + chance.randint(1, 60)
            await project(database, generation, stream[begin:end])
            if generation == 2:
                await _crash(database, chance)
            if generation != 1 or end >= len(stream):
                await roll_up(database, generation)
            begin = max(end - chance.randrange(5), 1)
    first, second, third = [await stored(database, generation) for generation in (1, 2, 3)]
    assert first == second == third
    for resolution in RESOLUTIONS:
        made = {
            (row["workspace"], row["mesh"], row["start"]): (
                row["seconds"], row["total"]["requests"], row["total"]["errors"],
                totals.quantile(_histogram(row), 0.99), row["total"]["secured"],
            )
            for row in first.values()
            if row["resolution"] == resolution.seconds
        }  # fmt: skip
        assert made == expected(rows, resolution)


def _histogram(row: dict[str, Any]) -> dict[tuple[float, float], float]:
    return read_totals(row["total"]).latencies


async def _crash(database: store.Database, chance: random.Random) -> None:
    """Add some windows and forget it, or only some of their rows."""
    roll_ups = RollUps(database, 2)
    taken = await roll_ups.take()
    if taken is None:
        return
    cut = chance.randint(1, len(RESOLUTIONS))
    for (workspace, mesh), own in taken.by_mesh.items():
        sums = rolling_up._Sums(roll_ups._windows)
        for resolution in RESOLUTIONS[:cut]:
            for start, within in rolling_up._by_span(own, resolution).items():
                if chance.random() < 0.7:
                    await roll_ups._extend(workspace, mesh, resolution, start, within, sums)


async def test_what_is_read_of_any_span_is_what_its_windows_say(database: store.Database) -> None:
    """With roll-ups that are behind, by edge and by step, and with fewer rows than windows."""
    chance = random.Random(5)
    rows = [{**row, "workspace": "default", "mesh": "m"} for row in streamed(windows(chance, 200))]
    rows = [{**row, "start": row["start"] - 600 * SECOND} for row in rows]
    await indexes.ensure(database, 1)
    await project(database, 1, rows[:150])
    await roll_up(database, 1)
    await project(database, 1, rows[150:])
    views = store.Views(database)
    for _ in range(10):
        until = NOW - chance.randrange(3600) * SECOND
        since = until - chance.randrange(60, 7000) * SECOND
        within = [row for row in rows if since <= row["start"] < until]
        chosen = await views.span("default", "m", since=since, until=until)
        assert sum(each.seconds for each in chosen) == 10.0 * len(within)
        edges = [msgspec.convert(each, Edge) for row in within for each in row["edges"]]
        total = totals.Totals()
        for kind in (True, False):
            part = [each for each in chosen if bool(each.key) is kind]
            for sum_ in (await views.traffic("default", "m", part, by="edge", since=since)).values():
                total.add(sum_)
        whole = totals.of_edges(edges)
        assert (total.requests, total.errors, total.quantile(0.5)) == (
            whole.requests, whole.errors, whole.quantile(0.5)
        )  # fmt: skip
    whole_span = await views.span("default", "m")
    assert len(whole_span) < len(rows) * 0.7
    assert await views.oldest("default", "m") == min(HOURS.begin(row["start"]) for row in rows)


async def test_a_rebuild_keeps_what_the_stream_cannot_make_again(database: store.Database) -> None:
    """Spans from before its first message are copied; what it still holds is neither missing nor added twice."""
    chance = random.Random(9)
    rows = streamed(windows(chance, 120))
    await project(database, 1, rows)
    await roll_up(database, 1)
    held = rows[60:]  # the stream has forgotten the first half
    late = min(row["start"] for row in held)
    await carrying.carry_roll_ups(database, 1, 2, NOW - datetime.timedelta(hours=1.25))
    await project(database, 2, held)
    await roll_up(database, 2)
    before, after = await stored(database, 1), await stored(database, 2)
    copied = [key for key, row in before.items() if row["start"] < NOW - datetime.timedelta(hours=1.25)]
    assert copied
    assert late < NOW - datetime.timedelta(hours=1.25)
    assert {key: after.get(key) for key in copied} == {key: before[key] for key in copied}


async def test_a_large_mesh_has_several_rows_for_a_span(
    database: store.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each edge in one of them, however many windows come, and how they are cut."""
    monkeypatch.setattr(rolling_up, "EDGES_PER_ROW", 3)
    chance = random.Random(3)
    rows = [{**row, "workspace": "default", "mesh": "m", "start": NOW} for row in streamed(windows(chance, 40))]
    for begin in range(0, 40, 7):
        await project(database, 1, rows[begin : begin + 7])
        await roll_up(database, 1)
    made = [row for row in (await stored(database, 1)).values() if row["resolution"] == MINUTES.seconds]
    assert len(made) > 5
    names = [tuple(each[name] for name in NAMES) for row in made for each in row["edges"]]
    assert len(names) == len(set(names))
    assert sum(row["seconds"] for row in made) == 400.0
    edges = [msgspec.convert(each, Edge) for row in rows for each in row["edges"]]
    assert sum(row["total"]["requests"] for row in made) == totals.of_edges(edges).requests
    chosen = await store.Views(database).span("default", "m", until=NOW + 60 * SECOND)
    assert len(chosen) in (len(made), 40)  # 40: when this minute has not settled yet


async def test_windows_that_are_older_than_their_roll_ups_are_kept_are_left_out(database: store.Database) -> None:
    """A window of last week makes no minute, which would have expired; one of last year makes nothing."""
    chance = random.Random(4)
    rows = streamed(windows(chance, 2))
    rows[0]["start"], rows[1]["start"] = NOW - datetime.timedelta(days=7), NOW - datetime.timedelta(days=365)
    await project(database, 1, rows)
    await roll_up(database, 1)
    assert [row["resolution"] for row in (await stored(database, 1)).values()] == [HOURS.seconds]
