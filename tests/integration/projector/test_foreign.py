"""Messages of other programs stop no projection: they are set aside with a reason, and later ones are folded."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
import pytest

from meshwright.core import ending
from meshwright.core.store import generations, kinds
from meshwright.core.store.writing import Writer
from meshwright.schemas import designs, intents, subjects
from meshwright.schemas import operations as o
from meshwright.workers.projector.batches import Tally
from meshwright.workers.projector.pipeline import Pipeline
from rig.stack import projections
from rig.stack.projections import Projection

pytestmark = pytest.mark.servers
ID = "01JD8X3M5TZ9Q4W7V2K6N0B1CE"
SUBJECT = f"mw.evt.default.envoy.operation.{ID}"
Project = Callable[[], Awaitable[None]]


@pytest.fixture
async def project(projection: Projection) -> AsyncIterator[Project]:
    """Fold everything that is there into the live views; raises what ends a projection."""
    writer = Writer(projection.database, generations.FIRST)
    tasks: list[asyncio.Task[None]] = []

    async def run() -> None:
        tasks[:] = [
            asyncio.create_task(Pipeline(projection.bus, writer, name, Tally()).run()) for name in kinds.STREAMS
        ]
        caught_up = asyncio.create_task(projection.caught_up())
        await asyncio.wait({caught_up, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done():
                await ending.end(caught_up)
                task.result()
        await caught_up
        await ending.end(*tasks)

    yield run
    await ending.end(*tasks)


async def result_of(projection: Projection, operation: str) -> Any:
    """What the view says that an operation came to."""
    stored = await projection.views.get(kinds.OPERATIONS, "default", operation)
    return stored.document.result if stored else "nothing"


@pytest.mark.parametrize(
    ("subject", "kind", "payload", "reason"),
    [
        (SUBJECT, o.OperationProgressed.wire.name, b'{"message": "x", "other": "\xff"}', "utf-8"),
        (SUBJECT, o.OperationProgressed.wire.name, b'{"message": "\xff"}', "utf-8"),
        (SUBJECT, "dev.other.v1", b'"\xff"', "JSON"),
        (SUBJECT, "", b"{}", "ce-type"),
        ("mw.evt.default.envoy.operation.no-id", o.OperationSucceeded.wire.name, b"{}", "no-id"),
        ("mw.metric.default.envoy.m", "dev.other.v1", b"\xfe", "JSON"),
    ],
)
async def test_what_cannot_be_read_is_set_aside(
    projection: Projection, project: Project, subject: str, kind: str, payload: bytes, reason: str
) -> None:
    """Bytes that are not text, in any header, affect their own message only, now and after a restart."""
    before = await projection.operation()
    await projections.publish_raw(projection.bus, subject, payload, kind)
    after = await projection.operation()
    for _ in range(2):
        await project()
    assert "at" in await result_of(projection, before)
    assert "at" in await result_of(projection, after)
    (aside,) = await projection.views.set_aside()
    assert aside.subject == subject
    assert reason in aside.reason


async def test_a_result_that_looks_like_a_reference(projection: Projection, project: Project) -> None:
    """Its operation is folded further, listed and read as it was, also by a projector that has just started."""
    result = {"$ref": "#/resource", "$id": {"$ref": "x", "$id": 1}}
    publish = projection.bus.publisher.publish
    await publish(SUBJECT, o.OperationSucceeded(result=result))
    await project()
    await publish(SUBJECT, o.StepUndone(step="late"))
    await project()
    stored = await projection.views.page(kinds.OPERATIONS, "default")
    assert [one.document.result for one in stored.items] == [result]
    assert [step.name for step in stored.items[0].document.steps] == ["late"]
    assert msgspec.json.encode(stored.items[0].document)


async def test_a_design_that_looks_like_a_reference(projection: Projection, project: Project) -> None:
    """People may write any native resource; its design and its version are read as they were written."""
    body = {"schema": {"$ref": "#/a", "$id": "b"}, "list": [{"$id": 1, "$ref": "c", "$db": "d"}]}
    native = intents.NativeResource(type="t", name="n", body=body)
    design = designs.Design(id="d", resources=[native])
    subject = subjects.fill(subjects.STATE, workspace="default", kind="design", id="d")
    ack = await projection.bus.publisher.publish(subject, designs.DesignWritten(document=design, principal="ann"))
    await project()
    stored = await projection.views.get(kinds.DESIGNS, "default", "d")
    version = await projection.views.get(kinds.DESIGN_VERSIONS, "default", f"d/{ack.seq}")
    assert stored is not None
    assert version is not None
    assert stored.document == version.document.design == design


async def test_a_subject_that_is_no_text_reaches_the_log(projection: Projection, project: Project) -> None:
    """A message of unknown type on a subject of odd letters is logged, and found by its entity."""
    await projections.publish_raw(
        projection.bus, "mw.evt.default.x.thing.ünï=code", '{"a": "ä"}'.encode(), "dev.other.v1"
    )
    await project()
    (result,) = await projection.views.events("default", where={"entity": "thing"}, text="Ä")
    assert (result.id, result.type, bytes(result.data)) == ("ünï=code", "dev.other.v1", '{"a": "ä"}'.encode())
