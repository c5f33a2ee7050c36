"""Windows that the database adds up are what adding them up here gives."""

import datetime
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from meshwright.core import store
from meshwright.core.measurements import merging, totals
from meshwright.core.measurements.totals import Totals
from meshwright.core.store import generations, indexes
from meshwright.core.store.traffic.pipelines import Endpoint, Selection, stored_totals
from meshwright.core.store.writing import Batch, Writer
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas.telemetry import Edge
from rig.inputs.edges import edge

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
async def database(mongo_database: MongoDatabase) -> AsyncIterator[store.Database]:
    """An empty database with its indexes."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=20) as opened:
        await indexes.ensure(opened, generations.FIRST)
        yield opened


def rows(windows: list[list[Edge]], *, with_total: bool = True) -> list[dict[str, Any]]:
    """Windows of ten seconds as the projector stores them."""
    result = []
    for number, edges in enumerate(windows, 1):
        row: dict[str, Any] = {
            "_id": number, "workspace": "default", "mesh": "m", "origin": "envoy", "start": NOW + 10 * number * SECOND,
            "seconds": 10.0, "edges": msgspec.to_builtins(edges), "time": datetime.datetime.now(datetime.UTC),
        }  # fmt: skip
        result.append(row | {"total": stored_totals(totals.of_edges(edges))} if with_total else row)
    return result


async def stored(database: store.Database, *parts: list[dict[str, Any]]) -> store.Views:
    """Views that hold these windows."""
    for part in parts:
        batch = Batch(documents=[], rows={"metrics": part}, checkpoints=[])
        await Writer(database, generations.FIRST).write(batch)
    return store.Views(database)


def same(one: Totals, other: Totals) -> None:
    """Two sums are equal, apart from the order of additions."""
    assert (one.requests, one.errors) == (other.requests, other.errors)
    assert (one.connections, one.sent_bytes, one.received_bytes) == (
        other.connections, other.sent_bytes, other.received_bytes,
    )  # fmt: skip
    assert one.secured == pytest.approx(other.secured)
    assert one.weight == other.weight
    assert {bounds: count for bounds, count in one.latencies.items() if count} == other.latencies
    assert one.quantile(0.99) == other.quantile(0.99)


@pytest.mark.parametrize("with_total", [True, False])
async def test_sums_of_the_database_are_the_sums_of_the_edges(database: store.Database, with_total: bool) -> None:
    """By edge, by window and by step; also where windows of an older version have no total."""
    chance = random.Random(7)
    windows = [[edge(chance) for _ in range(chance.randrange(1, 9))] for _ in range(12)]
    views = await stored(database, rows(windows, with_total=with_total))
    listed = await views.windows("default", "m")
    assert [one.seq for one in listed] == list(range(12, 0, -1))

    by_window = await views.traffic("default", "m", listed, by="window", since=NOW)
    assert set(by_window) == set(range(1, 13))
    for number, edges in enumerate(windows, 1):
        same(by_window[number], totals.of_edges(edges))

    by_edge = await views.traffic("default", "m", listed, by="edge", since=NOW)
    expected: dict[Any, Totals] = {}
    for each in (each for edges in windows for each in edges):
        expected.setdefault(merging.names(each), Totals()).add_edge(each)
    assert set(by_edge) == set(expected)
    for names, total in expected.items():
        same(by_edge[names], total)
    by_step = await views.traffic("default", "m", listed, by="step", since=NOW, step=60.0)
    assert set(by_step) == {0, 1, 2}
    same(by_step[0], totals.of_edges([each for edges in windows[:5] for each in edges]))


async def test_a_selection_counts_its_edges_only(database: store.Database) -> None:
    """By who sent, by what received, by version and namespace, and by a host outside of the mesh."""
    chance = random.Random(11)
    windows = [[edge(chance) for _ in range(20)] for _ in range(3)]
    views = await stored(database, rows(windows))
    listed = await views.windows("default", "m")
    edges = [each for window in windows for each in window]
    cases: list[tuple[Selection, list[Edge]]] = [
        (
            Selection(sources=(Endpoint(namespace="shop", names=("web-1", "web-2")),)),
            [one for one in edges if one.source_namespace == "shop" and one.source != "cart-1"],
        ),
        (
            Selection(destination=Endpoint(namespace="shop", names=("cart",), version="v2")),
            [one for one in edges if (one.destination, one.destination_version) == ("cart", "v2")],
        ),
        (
            Selection(destination=Endpoint(names=("api.example",), host="api.example")),
            [one for one in edges if one.destination_host == "api.example"],
        ),
        (
            Selection(sources=(Endpoint(names=("cart-1",)),), destination=Endpoint(namespace="shop", names=("pay",))),
            [one for one in edges if (one.source, one.destination) == ("cart-1", "pay")],
        ),
        (Selection(sources=()), []),
        (Selection(destination=Endpoint(namespace="elsewhere")), []),
    ]
    for selection, expected in cases:
        result = await views.traffic("default", "m", listed, by="step", since=NOW, step=3600.0, selection=selection)
        assert len(result) == (1 if expected else 0)
        if expected:
            same(result[0], totals.of_edges(expected))


async def test_windows_are_listed_within_a_span_from_either_end(database: store.Database) -> None:
    """`since` is inclusive, `until` exclusive; other meshes and workspaces have none."""
    views = await stored(database, rows([[] for _ in range(6)]))
    span = await views.windows("default", "m", since=NOW + 20 * SECOND, until=NOW + 50 * SECOND)
    assert [one.seq for one in span] == [4, 3, 2]
    assert [one.seq for one in await views.windows("default", "m", newest=False, limit=1)] == [1]
    assert await views.windows("default", "other") == []
    assert await views.windows("elsewhere", "m") == []
    assert await views.traffic("default", "m", [], by="step", since=NOW) == {}


async def test_windows_are_listed_from_an_index_alone(database: store.Database) -> None:
    """Their documents may be large, so none of them is read for it."""
    await stored(database, rows([[] for _ in range(6)]))
    collection = database.collection(generations.collection_name("metrics", generations.FIRST))
    query = {"workspace": "default", "mesh": "m", "start": {"$gte": NOW}}
    asked = collection.find(query, {"_id": 1, "start": 1, "seconds": 1}).sort([("start", -1), ("_id", -1)])
    plan = (await asked.explain())["queryPlanner"]["winningPlan"]
    assert plan["stage"] == "PROJECTION_COVERED", plan
