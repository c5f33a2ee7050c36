"""What the projector writes: in any order, again and again, whatever JSON can say."""

import asyncio
import datetime
import random
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from meshwright.core import store
from meshwright.core.store import carrying, checkpoints, comparing, generations, indexes, kinds
from meshwright.core.store.writing import Batch, Folded, Writer
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.operations import Operation

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
ID = "01JD8X3M5TZ9Q4W7V2K6N0B1CE"


@pytest.fixture
async def database(mongo_database: MongoDatabase) -> AsyncIterator[store.Database]:
    """An empty database; its indexes matter where something expires only."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as opened:
        yield opened


def mesh(seq: int, name: str = "m") -> Folded:
    """A mesh as of `seq`."""
    document = Mesh(id=name, kind="envoy", connection="c", adapter="envoy", version=str(seq), observed_at=NOW)
    return Folded(kinds.MESHES, f"w/{name}", "w", seq, NOW, document)


def operation(result: Any, seq: int = 1) -> Folded:
    """An operation with any result."""
    document = Operation(id=ID, workspace="w", adapter="envoy", result=result)
    return Folded(kinds.OPERATIONS, f"w/{ID}", "w", seq, NOW, document)


def row(seq: int, data: str = "{}") -> dict[str, Any]:
    """A row of the event log."""
    names = ("type", "source", "event_id", "workspace", "origin", "entity", "id", "subject", "trace_id")
    return {**dict.fromkeys(names, "x"), "_id": seq, "time": NOW, "data": data}


def batch(*documents: Folded, rows: list[dict[str, Any]] | None = None) -> Batch:
    """What is written together."""
    return Batch(documents=documents, rows={kinds.EVENT_LOG: rows or []}, checkpoints=[])


ODD: list[Any] = [
    {"$ref": "schemas", "$id": "x"},
    {"$ref": "a", "$id": {"$ref": "b", "$id": 1}, "$db": "c", "more": [1]},
    [{"$ref": "a", "$id": 1}, [{"$id": 1, "$ref": "a"}]],
    {"$set": {"a.b": 1, "": 2}, "$": [None, True, -0.5, "ä\u0000"]},
    {"$numberLong": "5", "$oid": "x", "$date": 1, "_id": 7, "seq": 9, "deleted": True},
    "$$ROOT",
    {"deep": [[[[{"a": [{}]}]]]]},
]
"""JSON that means something to MongoDB"""


async def test_what_was_stored_is_read(database: store.Database) -> None:
    """No JSON is taken for a command, a type or a reference of the database's own, by any reader."""
    writer, views = Writer(database, generations.FIRST), store.Views(database)
    for seq, result in enumerate(ODD * 2, 1):  # each on top of what the one before has left
        assert await writer.write(batch(operation(result, seq))) == []
        (loaded,) = await writer.load(kinds.OPERATIONS, [f"w/{ID}"])
        assert loaded == operation(result, seq)
        assert msgspec.json.decode(msgspec.json.encode(loaded.document)) == msgspec.to_builtins(loaded.document)
        stored = await views.get(kinds.OPERATIONS, "w", ID)
        assert stored is not None
        assert (stored.document.result, stored.seq) == (result, seq)


async def test_writers_at_once_in_any_order_leave_the_newest(database: store.Database) -> None:
    """Three projectors that write the same documents, deletions and rows in any order lose none and repeat none."""
    writes = [batch(mesh(seq, f"m{seq % 3}"), rows=[row(seq)]) for seq in range(1, 31)]
    gone = [Folded(kinds.MESHES, "w/m0", "w", seq, datetime.datetime.now(datetime.UTC), None) for seq in (40, 41)]
    writes += [batch(one, rows=[row(one.seq)]) for one in gone]
    shuffled = writes * 3
    random.Random(11).shuffle(shuffled)
    writers = [Writer(database, generations.FIRST) for _ in range(3)]
    await asyncio.gather(*(writers[number % 3].write(one) for number, one in enumerate(shuffled)))
    views = store.Views(database)
    page = await views.page(kinds.MESHES, "w")
    assert [(one.document.id, one.seq, one.document.version) for one in page.items] == [
        ("m1", 28, "28"),
        ("m2", 29, "29"),
    ]
    assert [one.seq for one in await views.events("x", limit=99)] == [41, 40, *range(30, 0, -1)]
    loaded = {one.key: one for one in await writers[0].load(kinds.MESHES, ["w/m0", "w/m1", "w/none"])}
    assert {key: (one.seq, one.document is None) for key, one in loaded.items()} == {
        "w/m0": (41, True),
        "w/m1": (28, False),
    }


async def test_a_row_that_is_there_already_stays_as_it_is(database: store.Database) -> None:
    """A batch that is written again, longer this time, adds what is new and changes nothing."""
    writer = Writer(database, generations.FIRST)
    await writer.write(batch(rows=[row(1, '"first"')]))
    await writer.write(batch(rows=[row(1, '"second"'), row(2)]))
    result = await store.Views(database).events("x", after=0)
    assert [(one.seq, bytes(one.data)) for one in result] == [(2, b"{}"), (1, b'"first"')]


async def test_a_checkpoint_keeps_its_own_time(database: store.Database) -> None:
    """Place and time are of one message: when the server's clock is set back, a later place has an earlier time.

    A place with another's time looks like a stream that went back, and the views would be rebuilt at every start.
    """
    hour = datetime.timedelta(hours=1)
    said = [store.Checkpoint(stream="EVENTS", seq=seq, time=NOW - seq * hour) for seq in range(1, 20)] * 2
    random.Random(3).shuffle(said)
    await asyncio.gather(*(checkpoints.advance(database, 1, one) for one in said))
    assert await checkpoints.read(database, 1, "EVENTS") == store.Checkpoint(
        stream="EVENTS", seq=19, time=NOW - 19 * hour
    )
    assert await checkpoints.read(database, 2, "EVENTS") == store.Checkpoint(stream="EVENTS")
    assert await checkpoints.read(database, 1, "STATE") == store.Checkpoint(stream="STATE")


async def test_settled_checkpoints_travel_with_the_next_batch(database: store.Database) -> None:
    """They are in the database when the batch is, and the batch's own are not."""
    writer = Writer(database, generations.FIRST)
    before, own = (store.Checkpoint(stream="EVENTS", seq=seq, time=NOW) for seq in (5, 9))
    await writer.write(Batch(documents=[mesh(9)], rows={}, checkpoints=[own]), [before])
    assert await writer.position("EVENTS") == before
    await writer.advance([own])
    assert await writer.position("EVENTS") == own


async def test_what_is_carried_over_never_replaces_what_was_folded(database: store.Database) -> None:
    """Only documents from before the stream's beginning are carried, none that was deleted, and none over a newer."""
    old, new = generations.FIRST, 7
    gone = Folded(kinds.MESHES, "w/gone", "w", 3, datetime.datetime.now(datetime.UTC), None)
    await Writer(database, old).write(batch(mesh(1, "kept"), mesh(2, "refolded"), gone, mesh(10, "young")))
    await Writer(database, new).write(batch(mesh(12, "refolded")))
    for _ in range(2):
        await carrying.carry_over(database, kinds.MESHES, old, new, 10)
    carried = await Writer(database, new).load(
        kinds.MESHES, [f"w/{one}" for one in ("kept", "refolded", "gone", "young")]
    )
    assert {one.key: one.seq for one in carried} == {"w/kept": 1, "w/refolded": 12}
    differing = await comparing.differences(database, old, new)
    assert sorted(one.partition(":")[0] for one in differing) == ["meshes/w/refolded", "meshes/w/young"]


async def test_the_mark_of_a_deletion_expires(database: store.Database) -> None:
    """A day after a deletion its mark is gone, and nothing else with it."""
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=2)
    await indexes.ensure(database, generations.FIRST)
    writer = Writer(database, generations.FIRST)
    await writer.write(batch(mesh(1, "stays"), Folded(kinds.MESHES, "w/gone", "w", 5, long_ago, None)))

    async def left() -> bool:
        result = await writer.load(kinds.MESHES, ["w/stays", "w/gone"])
        return [one.key for one in result] == ["w/stays"]

    await eventually(left)


async def test_generations_go_forward_only(database: store.Database) -> None:
    """Numbers are given once each, an older one never becomes live again, and the oldest writer is remembered."""
    numbers = await asyncio.gather(*(generations.reserve(database) for _ in range(5)))
    assert sorted(numbers) == [2, 3, 4, 5, 6]
    for number in (4, 3, 4):
        await generations.swap(database, number)
    assert await generations.live(database) == 4
    assert await generations.oldest_writer(database, 4) is None
    for version in (3, 2, 5):
        await generations.sign(database, 4, version)
    assert await generations.oldest_writer(database, 4) == 2
    await generations.distrust(database, 4)
    await generations.sign(database, 4, 9)
    assert await generations.oldest_writer(database, 4) == generations.NOBODY


async def test_only_other_generations_are_dropped(database: store.Database) -> None:
    """What is kept keeps its documents and its checkpoints; what is no view of ours is left alone."""
    for number in (1, 2, 3):
        await Writer(database, number).write(batch(mesh(number)))
        await checkpoints.advance(database, number, store.Checkpoint(stream="EVENTS", seq=number, time=NOW))
    dropped = await generations.drop_others(database, frozenset({2}))
    assert {name.rpartition("_g")[2] for name in dropped} == {"1", "3"}
    assert await comparing.count(database, 2, kinds.MESHES.name) == 1
    assert [(await checkpoints.read(database, number, "EVENTS")).seq for number in (1, 2, 3)] == [0, 2, 0]
    assert await generations.drop_others(database, frozenset({2})) == []
