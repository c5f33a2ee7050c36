"""The store against a real mongod: pages, guards, waits, refusals."""

import asyncio
import datetime
import random
import time
from collections.abc import AsyncIterator

import pytest

from meshwright.core import store
from meshwright.core.machine import ports
from meshwright.core.store import checkpoints, comparing, generations, indexes, kinds
from meshwright.core.store.writing import Batch, Folded, Writer
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Operation

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
IDS = [f"01JD8X3M5TZ9Q4W7V2K6N0{number:04d}" for number in range(25)]


@pytest.fixture
async def database(mongo_database: MongoDatabase) -> AsyncIterator[store.Database]:
    """An empty database with its indexes."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as opened:
        await indexes.ensure(opened, generations.FIRST)
        yield opened


def mesh(seq: int, name: str = "demo", version: str = "") -> Folded:
    """A mesh as of `seq`, with a version to distinguish it."""
    document = Mesh(
        id=name, kind="envoy", connection="c", adapter="envoy", version=version or str(seq), observed_at=NOW
    )
    return Folded(kinds.MESHES, f"w/{name}", "w", seq, NOW, document)


async def write(database: store.Database, *documents: Folded) -> None:
    """Writes documents into the first generation."""
    batch = Batch(documents=documents, rows={}, checkpoints=[])
    assert await Writer(database, generations.FIRST).write(batch) == []


async def test_a_document_never_goes_back(database: store.Database) -> None:
    """Whatever the order, number and concurrency of the writers, the highest sequence stays."""
    writes = [mesh(seq) for seq in range(1, 60)] * 3
    random.Random(7).shuffle(writes)
    await asyncio.gather(*(write(database, one) for one in writes))
    answer = await store.Views(database).get(kinds.MESHES, "w", "demo")
    assert answer is not None
    assert (answer.seq, answer.document.version) == (59, "59")


async def test_a_tombstone_turns_away_what_is_older(database: store.Database) -> None:
    """A deleted document is invisible and is not brought back by an older write."""
    await write(database, mesh(1))
    await write(database, Folded(kinds.MESHES, "w/demo", "w", 5, datetime.datetime.now(datetime.UTC), None))
    await write(database, mesh(3))
    views = store.Views(database)
    assert await views.get(kinds.MESHES, "w", "demo") is None
    assert await views.count(kinds.MESHES, "w") == 0
    await write(database, mesh(6))
    assert await views.count(kinds.MESHES, "w") == 1


@pytest.mark.parametrize("descending", [False, True])
async def test_pages_hold_each_document_once(database: store.Database, descending: bool) -> None:
    """Paging by a field with ties and missing values gives every document once, in order."""
    moments = [None, NOW, NOW, NOW + datetime.timedelta(hours=1)]
    operations = [
        Operation(id=name, workspace="w", adapter="envoy", accepted_at=moments[number % 4])
        for number, name in enumerate(IDS)
    ]
    await write(
        database,
        *(Folded(kinds.OPERATIONS, f"w/{one.id}", "w", number + 1, NOW, one) for number, one in enumerate(operations)),
    )
    views, cursor, seen = store.Views(database), "", []
    while True:
        page = await views.page(kinds.OPERATIONS, "w", descending=descending, limit=4, cursor=cursor)
        seen += [one.document for one in page.items]
        cursor = page.cursor
        if not cursor:
            break
    zero = datetime.datetime.min.replace(tzinfo=datetime.UTC)
    expected = sorted(operations, key=lambda one: (one.accepted_at or zero, one.id), reverse=descending)
    assert [one.id for one in seen] == [one.id for one in expected]


async def test_filters_compare_plain_values_only(database: store.Database) -> None:
    """A filter, sort or cursor that the kind does not offer is refused by name; operators are values like any."""
    views = store.Views(database)
    await write(database, mesh(1))
    assert (await views.page(kinds.MESHES, "w", where={"kind": ["envoy", "istio"]})).items
    assert not (await views.page(kinds.MESHES, "w", where={"kind": "$ne"})).items
    assert not (await views.page(kinds.MESHES, "elsewhere")).items
    with pytest.raises(store.UnknownField, match="connection"):
        await views.page(kinds.MESHES, "w", where={"$where": "1"})
    with pytest.raises(store.UnknownField, match="text"):
        await views.page(kinds.MESHES, "w", where={"kind": {"$ne": ""}})  # type: ignore[dict-item]
    with pytest.raises(store.UnknownField, match="sorted"):
        await views.page(kinds.MESHES, "w", sort="trust_domain")
    for cursor in ("nonsense", "////", "WzEsMl0"):
        with pytest.raises(store.InvalidCursor):
            await views.page(kinds.MESHES, "w", cursor=cursor)


async def test_odd_values_are_stored(database: store.Database) -> None:
    """Numbers beyond 64 bits and keys with a zero byte are kept as text instead of stopping the view."""
    odd = Operation(id=IDS[0], workspace="w", adapter="envoy", result={"n": 10**40, "a\0b": [1, 2**70]})
    await write(database, mesh(1), Folded(kinds.OPERATIONS, f"w/{odd.id}", "w", 1, NOW, odd))
    answer = await store.Views(database).get(kinds.OPERATIONS, "w", odd.id)
    assert answer is not None
    assert answer.document.result == {"n": str(10**40), "a\ufffdb": [1, str(2**70)]}


async def test_a_document_too_large_is_refused_alone(database: store.Database) -> None:
    """One document that MongoDB cannot take is reported; those beside it are written."""
    huge = Operation(id=IDS[0], workspace="w", adapter="envoy", result="x" * 17_000_000)
    batch = Batch(
        documents=[Folded(kinds.OPERATIONS, f"w/{huge.id}", "w", 1, NOW, huge), mesh(1)], rows={}, checkpoints=[]
    )
    refusals = await Writer(database, generations.FIRST).write(batch)
    assert [one.folded.key for one in refusals] == [f"w/{huge.id}"]
    assert await store.Views(database).get(kinds.MESHES, "w", "demo") is not None


async def test_checkpoints_never_go_back(database: store.Database) -> None:
    """The furthest checkpoint stays, whichever process writes."""
    for seq in (5, 9, 7):
        await checkpoints.advance(database, 1, store.Checkpoint(stream="EVENTS", seq=seq, time=NOW))
    assert (await store.Views(database).position("EVENTS")).seq == 9
    with pytest.raises(store.NotYetVisible) as told:
        await store.Views(database).wait("EVENTS", 10, timeout=0.1)
    assert told.value.seen == 9


async def test_a_swap_is_seen(database: store.Database) -> None:
    """A reader sees the new generation within a second, and the old collections can go."""
    views = store.Views(database)
    await write(database, mesh(1))
    assert await views.count(kinds.MESHES, "w") == 1
    number = await generations.reserve(database)
    await indexes.ensure(database, number)
    await generations.swap(database, number)
    views = store.Views(database)
    assert await views.count(kinds.MESHES, "w") == 0
    await generations.drop_others(database, frozenset({number}))
    assert await comparing.count(database, generations.FIRST, kinds.MESHES.name) == 0
    assert await generations.reserve(database) == number + 1


async def test_an_absent_server_is_reported_quickly() -> None:
    """Without a server every read raises StoreUnavailable within its timeout."""
    async with store.connect(f"mongodb://127.0.0.1:{ports.choose(23_000)}/", "x", timeout=0.5) as nowhere:
        began = time.monotonic()
        with pytest.raises(store.StoreUnavailable):
            await store.Views(nowhere).get(kinds.MESHES, "w", "demo")
        assert time.monotonic() - began < 5
