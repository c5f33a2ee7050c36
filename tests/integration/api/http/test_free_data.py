"""Free data (bodies of native resources, arguments of an adapter's own operations) is read back as it was accepted.

What cannot be stored is refused by the API, with its place. An accepted value that breaks its list would break it for
every user permanently, because streams keep it.
"""

import datetime
import math
import uuid
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from meshwright.core import bus, store
from meshwright.core.bus import envelope
from meshwright.core.store import generations, kinds
from meshwright.core.store.writing import Writer
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.schemas import catalog, strict
from meshwright.schemas import operations as o
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design, DesignWritten
from meshwright.schemas.intents import NativeResource
from meshwright.workers.projector.batches import Folder, Tally
from rig.stack.people import Person

pytestmark = pytest.mark.servers
ID = "01JD8X3M5TZ9Q4W7V2K6N0B1CE"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
EDGES = [0, 2**31 - 1, 2**31, -(2**31) - 1, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64, -(10**30)]
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
keys = words | st.sampled_from(
    ["", ".", "a.b", "$", "$set", "$ref", "$id", "$db", "$oid", "$date", "$numberLong", "$literal", "_id", "seq",
     "workspace", "deleted", "\0", "a\0b"]
)  # fmt: skip
leaves = (
    st.none() | st.booleans() | st.integers() | st.sampled_from(EDGES)
    | st.floats(allow_nan=False, allow_infinity=False) | words
    | st.sampled_from(["$$ROOT", "\0", "2026-01-01T00:00:00Z", "2026-01-01", "😀", "1e400"])
)  # fmt: skip
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
)
bodies = st.dictionaries(keys, values, max_size=4)
REFERENCES: dict[str, Any] = {
    "r": {"$ref": "a", "$id": {"$ref": "b", "$id": 2**40}, "$db": "c", "more": [2**33]},
    "n": {"$ref": 5, "$id": 1},
    "d": {"$date": 2**40, "$oid": "x"},
    "z": -0.0,
}
thorough = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def nested(levels: int) -> dict[str, Any]:
    """An object with so many levels, the innermost value counted."""
    value: Any = 1
    for _ in range(levels - 1):
        value = {"d": value}
    return dict(value)


def design(body: dict[str, Any]) -> dict[str, Any]:
    """A design with this native resource, as a person sends it."""
    return {"id": "free", "resources": [{"type": "x", "name": "n", "body": body}]}


def same(left: Any, right: Any) -> bool:
    """Equal as JSON: a truth value is no number, a fraction no whole number, and zero has a sign."""
    return bool(left == right) and msgspec.json.encode(left, order="sorted") == msgspec.json.encode(
        right, order="sorted"
    )


def accepted(body: dict[str, Any]) -> bool:
    """Whether the door takes it."""
    try:
        strict.decode(design(body), Design)
    except strict.InvalidDocument:
        return False
    return True


def stored(seq: int, stream: str, subject: str, message: Message) -> bus.Received:
    """A message as the stream gives it."""
    headers = envelope.write(bus.Envelope(id=str(seq), source="test", type=message.wire.name))
    time = int(NOW.timestamp()) * 10**9
    return bus.Received(
        stream=stream, subject=subject, seq=seq, time=time, headers=headers, payload=catalog.encode(message)
    )


@thorough
@given(bodies)
@example(REFERENCES)
@example({str(number): number for number in EDGES[:7]})
@example({"long": "x" * 500_000})
@example(nested(strict.MAX_DEPTH - 3))
async def test_whatever_the_door_takes_is_folded_and_read_back_equal(
    mongo_database: MongoDatabase, body: dict[str, Any]
) -> None:
    """Through the projector's folding and writing, its own loading, and the reading of one and of many."""
    if not accepted(body):
        return
    wanted = Design(id="free", resources=[NativeResource(type="x", name="n", body=body)])
    command = o.Command(
        operation=ID, workspace="w", adapter="trial", connection="c", mesh="m", kind="trial.noop",
        arguments={"design": msgspec.to_builtins(wanted)}, principal="ann", accepted_at=NOW, deadline=NOW,
    )  # fmt: skip
    async with store.connect(mongo_database.url, mongo_database.name, timeout=10) as database:
        for kind in (kinds.DESIGNS, kinds.DESIGN_VERSIONS, kinds.OPERATIONS):
            await database.collection(generations.collection_name(kind.name, 1)).delete_many({})
        writer = Writer(database, 1)
        for message in (
            stored(1, "STATE", "mw.state.w.design.free", DesignWritten(document=wanted, principal="ann")),
            stored(2**40, "EVENTS", f"mw.evt.w.commands.operation.{ID}", command),
        ):
            batch, seen = await Folder(writer, Tally()).fold([message])
            assert len(seen) == 1, batch.rows
            assert await writer.write(batch) == []
        views = store.Views(database)
        places: list[tuple[store.Kind[Any], str, Callable[[Any], Any]]] = [
            (kinds.DESIGNS, "free", lambda result: result.resources[0].body),
            (kinds.DESIGN_VERSIONS, "free/1", lambda result: result.design.resources[0].body),
            (kinds.OPERATIONS, ID, lambda result: result.arguments["design"]["resources"][0]["body"]),
        ]
        for kind, key, pick in places:
            one: Any = await views.get(kind, "w", key)
            assert one is not None
            page: Any = await views.page(kind, "w")
            (listed,) = page.items
            (loaded,) = await writer.load(kind, [f"w/{key}"])
            for document in (one.document, listed.document, loaded.document):
                assert same(pick(document), body)
        (event,) = await views.events("w", limit=1)
        assert msgspec.json.decode(msgspec.json.encode(event))["seq"] == 2**40


@settings(parent=thorough, max_examples=40)
@given(bodies)
@example(REFERENCES)
@example({str(number): number for number in EDGES[:7]})
@example(nested(strict.MAX_DEPTH - 3))
@example(nested(strict.MAX_DEPTH - 2))
async def test_over_http_it_is_refused_with_its_place_or_read_back_equal(admin: Person, body: dict[str, Any]) -> None:
    """The list of a workspace's designs always answers, whatever was sent before."""
    name = f"d{uuid.uuid4().hex}"
    answer = await admin.client.put(
        f"/v1/designs/{name}",
        content=msgspec.json.encode(design(body) | {"id": name}),
        headers={
            "Authorization": f"Bearer {admin.token}",
            "Meshwright-Workspace": admin.workspace,
            "Content-Type": "application/json",
        },
    )
    if not answer.is_success:
        assert not accepted(body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["pointer"].startswith("#/resources/0/body"), answer.text
        return
    assert accepted(body)
    params = {"min_seq": int(answer.headers["meshwright-seq"])}
    newest = {"order_by": "updated_at desc", "page_size": 1, **params}
    (listed,) = _json(await admin.ask("GET", "/v1/designs", params=newest))["items"]
    one = _json(await admin.ask("GET", f"/v1/designs/{name}", params=params))
    assert same(listed["resources"][0]["body"], body)
    assert same(one["resources"][0]["body"], body)


def _json(answer: httpx.Response) -> Any:
    return msgspec.json.decode(answer.content)


async def test_an_operations_own_arguments_are_read_back_equal(admin: Person) -> None:
    """Large numbers and odd keys in what an adapter alone understands leave the list of operations readable."""
    await admin.mesh()
    arguments = {**REFERENCES, "big": 2**31, "bigger": 2**63 - 1, "a.b": {"$set": {"": [math.pi]}}}
    asked = {"kind": "trial.noop", "mesh": "m1", "arguments": arguments}
    answer = await admin.post("/v1/operations", asked)
    operation = answer.json()["id"]

    async def shown() -> Any:
        result = await admin.get("/v1/operations", params={"kind": "trial.noop"})
        return result["items"]

    (listed,) = await eventually(shown)
    assert listed["id"] == operation
    assert same(listed["arguments"], arguments)
    for odd in ({"a": 2**63}, {"a\0b": 1}, {"a": nested(strict.MAX_DEPTH)}):
        await admin.problem("POST", "/v1/operations", {**asked, "arguments": odd}, status=422, slug="invalid-document")
