"""What readers get: every list from an index, every page once, every log by its filters, and an end to every wait."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Any

import pytest

from meshwright.core import store
from meshwright.core.store import checkpoints, comparing, generations, indexes, kinds, paging
from meshwright.core.store.kinds import Kind
from meshwright.core.store.writing import Batch, Folded, Writer
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas.workloads import Proxy

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)


@pytest.fixture
async def database(mongo_database: MongoDatabase) -> AsyncIterator[store.Database]:
    """An empty database without indexes."""
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as opened:
        yield opened


def stages(plan: dict[str, Any]) -> set[str]:
    """The stages of a query plan."""
    result = {plan["stage"]}
    for part in (plan.get("inputStage"), *plan.get("inputStages", [])):
        result |= stages(part) if part else set()
    return result


async def test_every_list_that_is_offered_comes_from_an_index(database: store.Database) -> None:
    """Of every kind, in every order and both directions, behind a cursor too: nothing is sorted, nothing is scanned.

    Making the indexes again changes nothing.
    """
    for _ in range(2):
        await indexes.ensure(database, generations.FIRST)
    for kind in kinds.KINDS:
        collection = database.collection(generations.collection_name(kind.name, generations.FIRST))
        for sort in kind.sorts:
            for direction in (1, -1):
                query = {"workspace": "w", "deleted": None}
                ordered = collection.find(query).sort([(sort, direction), ("_id", direction)])
                plan = (await ordered.explain())["queryPlanner"]["winningPlan"]
                assert "IXSCAN" in stages(plan), (kind.name, sort)
                assert not stages(plan) & {"SORT", "COLLSCAN"}, (kind.name, sort)


def proxy(number: int, seq: int, **more: Any) -> Folded:
    """A proxy of one of two meshes."""
    mesh = f"m{number % 2}"
    document = Proxy(id=f"p{number:02}", mesh=mesh, name="p", workload="w", observed_at=NOW, **more)
    return Folded(kinds.PROXIES, f"default/{mesh}/p{number:02}", "default", seq, NOW, document)


async def write(database: store.Database, *documents: Folded, **rows: list[dict[str, Any]]) -> None:
    """Into the live views."""
    await Writer(database, generations.FIRST).write(Batch(documents=documents, rows=rows, checkpoints=[]))


async def ids_of(views: store.Views, kind: Kind[Any] = kinds.PROXIES, **more: Any) -> list[str]:
    """The ids of all documents, page by page of three."""
    result, cursor = [], ""
    while True:
        page = await views.page(kind, "default", limit=3, cursor=cursor, **more)
        assert len(page.items) == 3 or not page.cursor
        result += [one.document.id for one in page.items]
        if not (cursor := page.cursor):
            return result


async def test_documents_that_come_and_go_between_two_pages_hide_no_other(database: store.Database) -> None:
    """What was there all the while is listed once, whatever is written and deleted before, at and behind the cursor."""
    await write(database, *(proxy(number, number + 1) for number in range(0, 20, 2)))
    views = store.Views(database)
    first = await views.page(kinds.PROXIES, "default", limit=4)
    assert [one.document.id for one in first.items] == ["p00", "p02", "p04", "p06"]
    gone = [
        Folded(kinds.PROXIES, f"default/m0/p{number:02}", "default", 50, datetime.datetime.now(datetime.UTC), None)
        for number in (2, 6, 8)
    ]
    await write(database, proxy(1, 60), proxy(7, 61), proxy(9, 62), *gone)
    rest = await views.page(kinds.PROXIES, "default", limit=50, cursor=first.cursor)
    assert [one.document.id for one in rest.items] == ["p07", "p09", "p10", "p12", "p14", "p16", "p18"]
    assert rest.cursor == ""


async def test_filters_and_directions_page_like_everything_else(database: store.Database) -> None:
    """A filtered list in either direction is the part of the whole that fits, in order; of other workspaces nothing."""
    states = ["synced", "stale", "rejected"]
    await write(database, *(proxy(number, number + 1, state=states[number % 3]) for number in range(12)))
    views = store.Views(database)
    everything = [f"p{number:02}" for number in range(12)]
    assert await ids_of(views) == everything
    assert await ids_of(views, descending=True) == everything[::-1]
    assert await ids_of(views, where={"mesh": "m1"}) == everything[1::2]
    assert await ids_of(views, where={"state": ["synced", "stale"], "mesh": "m0"}) == ["p00", "p04", "p06", "p10"]
    numbers = sorted(range(12), key=lambda number: (states[number % 3], number % 2, number))  # ties by mesh and id
    by_state = [f"p{number:02}" for number in numbers]
    assert await ids_of(views, sort="state") == by_state
    assert await ids_of(views, sort="state", descending=True) == by_state[::-1]
    assert (await views.page(kinds.PROXIES, "elsewhere")).items == []
    assert len((await views.page(kinds.PROXIES, None, limit=99)).items) == 12
    assert await views.count(kinds.PROXIES, "default", {"mesh": "m1"}) == 6
    assert await views.count(kinds.PROXIES, None) == 12
    assert (await views.get(kinds.PROXIES, "default", "m1/p01")) is not None
    assert (await views.get(kinds.PROXIES, "default", "m0/p01")) is None


@pytest.mark.parametrize(("limit", "given"), [(0, 1), (-5, 1), (10**6, store.MAX_PAGE)])
async def test_a_page_has_its_bounds(database: store.Database, limit: int, given: int) -> None:
    """Whatever is asked for, a page holds one document at least and so many at most."""
    await write(database, *(proxy(number, number + 1) for number in range(store.MAX_PAGE + 1)))
    page = await store.Views(database).page(kinds.PROXIES, "default", limit=limit)
    assert (len(page.items), bool(page.cursor)) == (given, True)


def event(seq: int, **more: Any) -> dict[str, Any]:
    """A row of the event log."""
    names = ("type", "source", "event_id", "workspace", "origin", "entity", "id", "subject", "trace_id")
    row = {**dict.fromkeys(names, "x"), "workspace": "default", "_id": seq, "time": NOW + seq * MINUTE, "data": "{}"}
    return {**row, **more}


async def seqs(views: store.Views, **asked: Any) -> list[int]:
    """The sequences of the events that are found."""
    return [one.seq for one in await views.events(asked.pop("workspace", "default"), **asked)]


async def test_the_event_log_is_searched_by_place_time_and_text(database: store.Database) -> None:
    """Newest first and further back, or from a place on; half-open spans; text as it is, and no pattern."""
    rows = [event(seq, entity="mesh" if seq % 2 else "proxy") for seq in range(1, 9)]
    rows[2]["data"] = '{"what": "Übel (a.b)"}'
    rows[3]["workspace"] = "other"
    await write(database, events=rows)
    views = store.Views(database)
    assert await seqs(views) == [8, 7, 6, 5, 3, 2, 1]
    assert await seqs(views, workspace=None, limit=2) == [8, 7]
    assert await seqs(views, before=6, limit=2) == [5, 3]
    assert await seqs(views, after=3, limit=2) == [5, 6]
    assert await seqs(views, after=2, before=6) == [3, 5]
    assert await seqs(views, where={"entity": "mesh"}) == [7, 5, 3, 1]
    assert await seqs(views, where={"entity": ["mesh", "proxy"], "type": "y"}) == []
    assert await seqs(views, since=NOW + 3 * MINUTE, until=NOW + 6 * MINUTE) == [5, 3]
    assert await seqs(views, text="ÜBEL (A.B)") == [3]
    assert await seqs(views, text=".*") == []
    with pytest.raises(store.UnknownField, match="data"):
        await views.events("default", where={"data": "x"})


async def test_measured_windows_and_what_was_set_aside_are_read(database: store.Database) -> None:
    """Newest first, of one mesh, within a span; the reason for what could not be projected."""
    windows = [
        {"_id": seq, "workspace": "default", "mesh": f"m{seq % 2}", "origin": "envoy", "start": NOW + seq * MINUTE,
         "seconds": 5.0, "edges": [], "time": NOW}
        for seq in range(1, 7)
    ]  # fmt: skip
    await write(database, metrics=windows)
    views = store.Views(database)
    assert [one.seq for one in await views.metrics("default", "m0")] == [6, 4, 2]
    assert [one.seq for one in await views.metrics("default", "m1", since=NOW + 3 * MINUTE, limit=1)] == [5]
    assert await views.metrics("elsewhere", "m0") == []
    aside = [
        {"_id": f"EVENTS/{seq}", "stream": "EVENTS", "seq": seq, "subject": "s", "type": "t", "reason": str(seq),
         "time": NOW + seq * MINUTE, "data": ""}
        for seq in range(1, 4)
    ]  # fmt: skip
    writer = Writer(database, generations.FIRST)
    for _ in range(2):
        await writer.set_aside(list(aside))
    assert [one.reason for one in await views.set_aside(limit=2)] == ["3", "2"]
    assert [one.reason for one in await views.set_aside(offset=2)] == ["1"]


async def test_a_wait_ends_with_the_write_or_in_time(database: store.Database) -> None:
    """It returns once the views are there, at once when they are, and says how far they are when they are not."""
    views = store.Views(database)
    waiting = asyncio.create_task(views.wait("STATE", 5, timeout=60))
    done, _ = await asyncio.wait({waiting}, timeout=0.1)
    assert not done
    await checkpoints.advance(database, generations.FIRST, store.Checkpoint(stream="STATE", seq=4, time=NOW))
    with pytest.raises(store.NotYetVisible) as told:
        await views.wait("STATE", 5, timeout=0.0)
    assert (told.value.stream, told.value.wanted, told.value.seen) == ("STATE", 5, 4)
    await checkpoints.advance(database, generations.FIRST, store.Checkpoint(stream="STATE", seq=7, time=NOW))
    async with asyncio.timeout(20):
        await waiting
    await views.wait("STATE", 7, timeout=0.0)


async def test_differences_are_reported_with_both_sides(database: store.Database) -> None:
    """Any field of any document and any row counts; marks of deletions and equal content do not."""
    one, other = Writer(database, 1), Writer(database, 2)
    gone = Folded(kinds.PROXIES, "default/m0/gone", "default", 3, datetime.datetime.now(datetime.UTC), None)
    same = {kinds.EVENT_LOG: [event(1)]}
    await one.write(Batch(documents=[proxy(0, 1), proxy(1, 2), gone], rows=same, checkpoints=[]))
    await other.write(Batch(documents=[proxy(0, 1), proxy(1, 3)], rows=same, checkpoints=[]))
    (difference,) = await comparing.differences(database, 1, 2)
    assert difference.startswith("proxies/default/m1/p01: {")
    assert " != " in difference
    assert await comparing.differences(database, 1, 1) == []
    await other.write(Batch(documents=[], rows={kinds.EVENT_LOG: [event(2)]}, checkpoints=[]))
    assert any(text.startswith("events/2: None != {") for text in await comparing.differences(database, 1, 2))


async def test_words_are_found_in_any_text_of_a_document(database: store.Database) -> None:
    """Each of them somewhere, whatever its case, and as it is: no pattern, no operator; counts agree with pages."""
    some = ["web", "web", "cart.v1", "cartxv1", "db"]
    await write(database, *(proxy(number, number + 1, version=f"1.{number}") for number in range(5)))
    documents = [
        Proxy(id=f"q{number}", mesh="m9", namespace="shop", name=name, error="No Route", observed_at=NOW)
        for number, name in enumerate(some)
    ]
    await write(
        database, *(Folded(kinds.PROXIES, f"default/{each.id}", "default", 99, NOW, each) for each in documents)
    )
    views = store.Views(database)
    for text, expected in (
        ("WEB", ["q0", "q1"]),
        ("SHOP cart", ["q2", "q3"]),
        ("cart.v1", ["q2"]),
        ("route web", ["q0", "q1"]),
        ("web db", []),
        ("$ne .*", []),
        ("m0 1.2", ["p02"]),
    ):
        also = paging.containing(kinds.PROXIES, text)
        assert await ids_of(views, also=also) == expected, text
        assert await views.count(kinds.PROXIES, "default", also=also) == len(expected)
    assert await views.count(kinds.PROXIES, "default", {"mesh": "m9"}) == 5
    assert paging.containing(kinds.PROXIES, "  ") == {}


async def test_documents_are_counted_by_their_values(database: store.Database) -> None:
    """Of one workspace, without those that were deleted; only by fields that are filters."""
    await write(
        database,
        proxy(0, 1, state="synced"),
        proxy(2, 2, state="synced"),
        proxy(1, 3, state="rejected"),
        Folded(kinds.PROXIES, "default/m0/p04", "default", 4, NOW, None),
        Folded(kinds.PROXIES, "other/m0/p00", "other", 5, NOW, Proxy(id="p", mesh="m0", name="p", observed_at=NOW)),
    )
    views = store.Views(database)
    counts = await views.counts(kinds.PROXIES, "default", ("mesh", "state"))
    assert counts == {("m0", "synced"): 2, ("m1", "rejected"): 1}
    with pytest.raises(store.UnknownField, match="observed_at"):
        await views.counts(kinds.PROXIES, "default", ("observed_at",))
