"""Batches: however a stream is cut, with however few documents at hand, written again or late, views are the same."""

import datetime
import random
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from meshwright.core import bus, store
from meshwright.core.bus import envelope
from meshwright.core.store import comparing, kinds
from meshwright.core.store.writing import Batch, Writer
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas import catalog
from meshwright.schemas import operations as o
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design, Release, ReleaseChanged
from meshwright.schemas.errors import Failure
from meshwright.schemas.meshes import Mesh, MeshObserved, MeshRemoved
from meshwright.schemas.workloads import Proxy, ProxyObserved, Workload, WorkloadObserved
from meshwright.workers.projector.batches import Folder, Tally
from meshwright.workers.projector.cache import Cache

pytestmark = pytest.mark.servers
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
IDS = [f"01JD8X3M5TZ9Q4W7V2K6N0B1C{number}" for number in range(6)]
FAILURE = Failure(code="x", what="it broke", details={"$ref": "a", "$id": 1})


@pytest.fixture
async def database(mongo_database: MongoDatabase) -> AsyncIterator[store.Database]:
    """An empty database."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as opened:
        yield opened


def received(seq: int, subject: str, message: Message | None) -> bus.Received:
    """A message as the stream returns it; None for one that cannot be decoded."""
    kind = message.wire.name if message else o.OperationSucceeded.wire.name
    return bus.Received(
        stream="EVENTS",
        subject=subject,
        seq=seq,
        time=int(START.timestamp() + seq) * 10**9,
        headers=envelope.write(bus.Envelope(id=str(seq), source="test", type=kind)),
        payload=catalog.encode(message) if message else b'{"result": "\xff"}',
    )


def stream(chance: random.Random, length: int) -> list[bus.Received]:
    """A stream in which everything happens to a few operations and meshes, in any order."""
    items = []
    for seq in range(1, length + 1):
        operation, step = chance.choice(IDS), chance.choice("abc")
        mesh = Mesh(id=step, kind="envoy", connection="c", adapter="envoy", version=str(seq), observed_at=START)
        about: tuple[str, Message | None] = chance.choice(
            [
                (f"operation.{operation}", o.OperationStarted(worker="w", adapter_version="1", attempt=seq)),
                (f"operation.{operation}", o.StepStarted(step=step, attempt=1)),
                (f"operation.{operation}", o.StepCompleted(step=step, attempt=1, result={"n": seq})),
                (f"operation.{operation}", o.StepFailed(step=step, attempt=1, failure=FAILURE)),
                (f"operation.{operation}", o.OperationProgressed(message=str(seq))),
                (f"operation.{operation}", None),
                ("operation.not-an-id", o.OperationProgressed(message="lost")),
                *_of_mesh(step, chance.choice("xyz"), seq),
                (f"mesh.{step}", MeshObserved(mesh=mesh)),
                (f"mesh.{step}", MeshRemoved(id=step, connection="c")),
                *([(f"operation.{operation}", o.OperationFailed(failure=FAILURE))] if seq % 7 == 0 else []),
            ]
        )
        items.append(received(seq, f"mw.evt.w.envoy.{about[0]}", about[1]))
    return items


def _of_mesh(mesh: str, name: str, seq: int) -> list[tuple[str, Message | None]]:
    """What lives on a mesh."""
    workload = Workload(
        id=f"{mesh}~~process~{name}",
        mesh=mesh,
        connection="c",
        name=name,
        service="s",
        version=f"v{seq}",
        address="h",
        port=1,
        observed_at=START,
    )
    proxy = Proxy(id=f"{mesh}~~{name}", mesh=mesh, name=name, workload=workload.id, state="synced", observed_at=START)
    release = Release(
        id=f"{IDS[0][:-1]}{name.upper()}", design=Design(id="d"), mesh=mesh, connection="c", revision=seq,
        state="applied", inventory=[], operation=IDS[0], principal="ann", applied_at=START,
    )  # fmt: skip
    return [
        (f"workload.{name}", WorkloadObserved(workload=workload)),
        (f"proxy.{name}", ProxyObserved(proxy=proxy)),
        (f"release.{name}", ReleaseChanged(release=release)),
    ]


async def test_what_lives_on_a_mesh_ends_with_it(database: store.Database) -> None:
    """Its workloads and proxies are removed and its releases become removed; another's stay, and later ones too."""
    told = [(seq, about) for seq, about in enumerate([*_of_mesh("a", "x", 1), *_of_mesh("b", "y", 2)], 1)]
    gone = (f"mesh.{'a'}", MeshRemoved(id="a", connection="c"))
    messages = [received(seq, f"mw.evt.w.envoy.{about[0]}", about[1]) for seq, about in [*told, (9, gone)]]
    late = [received(10 + n, f"mw.evt.w.envoy.{about[0]}", about[1]) for n, about in enumerate(_of_mesh("a", "z", 3))]
    for generation, cuts in ((1, []), (2, [3]), (3, [6, 7])):
        writer = Writer(database, generation)
        await folded(writer, messages, cuts, 1)
        held = [(one.document.id, one.document.state) for one in await _held(database, generation, kinds.RELEASES)]
        assert sorted(state for _, state in held) == ["applied", "removed"]
        for kind in (kinds.WORKLOADS, kinds.PROXIES):
            assert [one.document.mesh for one in await _held(database, generation, kind)] == ["b"]
        await folded(writer, late, [], 1)
        assert len(await _held(database, generation, kinds.WORKLOADS)) == 2
        await folded(writer, messages[-1:], [], 1)  # the removal again, after a crash
        assert len(await _held(database, generation, kinds.WORKLOADS)) == 2


async def _held(database: store.Database, generation: int, kind: Any) -> list[Any]:
    keys = [row["_id"] async for row in database.collection(f"{kind.name}_g{generation}").find({"deleted": None})]
    return await Writer(database, generation).load(kind, keys)


async def folded(writer: Writer, messages: Sequence[bus.Received], cuts: list[int], capacity: int) -> list[Batch]:
    """The batches of these pieces, each written as soon as it is folded."""
    folder = Folder(writer, Tally(), Cache(capacity))
    batches = []
    for begin, end in zip([0, *cuts], [*cuts, len(messages)], strict=True):
        if begin < end:
            batch, _ = await folder.fold(messages[begin:end])
            assert await writer.write(batch) == []
            batches.append(batch)
    return batches


@pytest.mark.parametrize("seed", range(4))
async def test_any_cut_makes_the_same_views(database: store.Database, seed: int) -> None:
    """In one piece with everything at hand, or in many with hardly anything, by one who starts again in the middle."""
    chance = random.Random(seed)
    messages = stream(chance, 150)
    whole = Writer(database, 1)
    await folded(whole, messages, [], 1000)
    pieces = Writer(database, 2)
    cuts = sorted(chance.sample(range(1, 150), 12))
    batches = await folded(pieces, messages, cuts, 2)
    assert await comparing.differences(database, 1, 2) == []
    again = chance.randrange(100)
    await folded(pieces, messages[again:], [], 1)  # as after a crash, from a checkpoint that is behind
    for late in chance.sample(batches, 4):  # by a former projector that wakes up
        assert await pieces.write(late) == []
    assert await comparing.differences(database, 1, 2) == []
    assert await comparing.count(database, 2, kinds.OPERATIONS.name) > 0
    assert await comparing.count(database, 2, kinds.SET_ASIDE) > 0


async def test_a_document_is_written_once_per_batch(database: store.Database) -> None:
    """However many events touch it, with its newest place; the batch's own place is the last message's."""
    messages = [
        received(seq, f"mw.evt.w.envoy.operation.{IDS[0]}", o.OperationProgressed(message=str(seq)))
        for seq in range(1, 101)
    ]
    batch, seen = await Folder(Writer(database, 1), Tally()).fold(messages)
    assert [(one.key, one.seq) for one in batch.documents] == [(f"w/{IDS[0]}", 100)]
    assert len(batch.rows[kinds.EVENT_LOG]) == len(seen) == 100
    assert [(one.stream, one.seq) for one in batch.checkpoints] == [("EVENTS", 100)]
