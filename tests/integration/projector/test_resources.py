"""Objects of clusters in the views: as in the stream, equal after a rebuild, without objects removed long ago."""

import datetime
from collections.abc import Awaitable, Callable

import pytest

from meshwright.core.store import generations, kinds
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.workers import WorkerProcess
from meshwright.schemas import subjects
from meshwright.schemas.discovery import (
    REMOVED_KEPT,
    ClusterResource,
    ResourceObserved,
    ResourceRemoved,
    resource_id,
    resource_token,
)
from meshwright.schemas.references import ResourceRef
from rig.stack.projections import Projection

pytestmark = [pytest.mark.servers]
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
Differences = Callable[[Projection, int], Awaitable[list[str]]]


async def observed(projection: Projection, name: str, version: str = "1") -> None:
    """A Service is published."""
    ref = ResourceRef(kind="Service", namespace="shop", name=name)
    resource = ClusterResource(
        id=resource_id("prod", ref),
        connection="prod",
        kind=ref.kind,
        namespace=ref.namespace,
        name=name,
        resource_version=version,
        observed_at=NOW,
        body={"kind": ref.kind, "metadata": {"name": name}},
    )
    await projection.bus.publisher.publish(_subject(ref), ResourceObserved(resource=resource))


async def removed(projection: Projection, name: str, kept: int = REMOVED_KEPT) -> None:
    """The removal of a Service is published, and kept for some seconds."""
    ref = ResourceRef(kind="Service", namespace="shop", name=name)
    message = ResourceRemoved(
        id=resource_id("prod", ref), connection="prod", kind=ref.kind, namespace=ref.namespace, name=name
    )
    await projection.bus.publisher.publish(_subject(ref), message, kept=kept)


def _subject(ref: ResourceRef) -> str:
    return subjects.fill(subjects.SEEN, workspace="blue", connection="prod", id=resource_token(ref))


async def seen(projection: Projection) -> dict[str, str]:
    """Versions by name, as readers find them."""
    page = await projection.views.page(kinds.RESOURCES, "blue")
    return {one.document.name: one.document.resource_version for one in page.items}


async def test_the_view_holds_what_the_stream_has(
    projection: Projection, start_projector: Callable[..., Awaitable[WorkerProcess]], differences: Differences
) -> None:
    """The newest of each, nothing that is gone; rebuilt from the stream it is the same."""
    await observed(projection, "a")
    await observed(projection, "b")
    await observed(projection, "b", "2")
    await observed(projection, "c")
    await removed(projection, "a")
    await start_projector()
    await projection.caught_up(40)
    assert await seen(projection) == {"b": "2", "c": "1"}
    await observed(projection, "a", "7")
    await removed(projection, "c")
    await projection.caught_up(40)
    assert await seen(projection) == {"a": "7", "b": "2"}
    assert await differences(projection, await generations.live(projection.database)) == []


async def test_a_removal_that_nobody_read_in_time_leaves_no_ghost(
    projection: Projection, start_projector: Callable[..., Awaitable[WorkerProcess]]
) -> None:
    """A projector that was down for longer than removals are kept rebuilds the views."""
    await observed(projection, "a")
    await observed(projection, "b")
    projector = await start_projector()
    await projection.caught_up(40)
    await projector.stop()
    generation = await generations.live(projection.database)
    long_ago = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=REMOVED_KEPT)
    await projection.database.collection("checkpoints").update_one(
        {"_id": f"{generation}/SEEN"}, {"$set": {"time": long_ago}}
    )
    await removed(projection, "b", kept=1)

    async def expired() -> bool:
        return (await projection.bus.js.stream_info("SEEN")).state.messages == 1

    await eventually(expired)
    assert await seen(projection) == {"a": "1", "b": "1"}
    await start_projector()

    async def healed() -> bool:
        return await seen(projection) == {"a": "1"}

    await eventually(healed, timeout=60)
