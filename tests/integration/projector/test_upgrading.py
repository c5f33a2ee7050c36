"""A store and streams of the version before: they open, and what they hold is shown in today's terms."""

import datetime
from typing import Any

import msgspec
import pytest

from meshwright.core.store import checkpoints, generations, kinds
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import workloads, workloads_v1
from rig.stack.projections import Projection

pytestmark = pytest.mark.servers
BEFORE = 2
"""the version of the projector that knew workloads by their names alone"""
NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)


def workload(name: str, mesh: str = "m1") -> workloads_v1.WorkloadV1:
    """A process in the form of version 1."""
    return workloads_v1.WorkloadV1(
        id=name, mesh=mesh, connection="c", service="s", version="v1", address="::1", port=80, proxy=name,
        observed_at=NOW,
    )  # fmt: skip


def proxy(name: str, mesh: str = "m1") -> workloads_v1.ProxyV1:
    """Its Envoy."""
    return workloads_v1.ProxyV1(
        id=name, mesh=mesh, workload=name, state="synced", outbound_port=15_400, observed_at=NOW
    )


async def as_before(projection: Projection, kind: kinds.Kind[Any], document: Any, seq: int) -> None:
    """A document as the projector of that version wrote it."""
    row = msgspec.to_builtins(document, builtin_types=(datetime.datetime,))
    row |= {"_id": f"default/{document.mesh}/{document.id}", "workspace": "default", "seq": seq, "updated_at": NOW}
    await projection.database.collection(generations.collection_name(kind.name, generations.FIRST)).insert_one(row)


async def shown(projection: Projection, kind: kinds.Kind[Any]) -> dict[str, Any]:
    """The documents by id."""
    return {one.document.id: one.document for one in (await projection.views.page(kind, "default", limit=100)).items}


async def test_what_version_1_reported_and_stored_is_shown_today(projection: Projection, start_projector: Any) -> None:
    """Messages of version 1 and documents made of them become entities with ids of today, also those that the stream
    has forgotten; equal names in two meshes stay apart; what was removed is gone; version 2 goes on where 1 ended."""
    publish = projection.bus.publisher.publish
    old, twin, changed, gone = workload("old"), workload("web", "m2"), workload("web"), workload("gone")
    for told in (old, twin, changed, gone):
        subject = f"mw.evt.default.envoy.workload.{told.id}"
        ack = await publish(subject, workloads_v1.WorkloadObservedV1(workload=told))
        await as_before(projection, kinds.WORKLOADS, told, ack.seq)
        ack = await publish(
            f"mw.evt.default.envoy.proxy.{told.id}", workloads_v1.ProxyObservedV1(proxy=proxy(told.id, told.mesh))
        )
        await as_before(projection, kinds.PROXIES, proxy(told.id, told.mesh), ack.seq)
        if told is old:
            await projection.bus.js.purge_stream("EVENTS", seq=ack.seq + 1)
    await generations.sign(projection.database, generations.FIRST, BEFORE)
    await checkpoints.advance(
        projection.database, generations.FIRST, Checkpoint(stream="EVENTS", seq=ack.seq, time=NOW)
    )
    assert "m1~~process~old" in await shown(projection, kinds.WORKLOADS), "readers cannot wait for the rebuild"

    await publish("mw.evt.default.envoy.workload.gone", workloads_v1.WorkloadRemovedV1(id="gone", mesh="m1"))
    await publish("mw.evt.default.envoy.proxy.gone", workloads_v1.ProxyRemovedV1(id="gone", mesh="m1"))
    await start_projector()

    async def rebuilt() -> bool:
        return await generations.live(projection.database) > generations.FIRST

    await eventually(rebuilt)
    await projection.caught_up()
    assert await shown(projection, kinds.WORKLOADS) == {
        workloads_v1.process_id(told.mesh, told.id): workloads_v1.workload(told) for told in (old, twin, changed)
    }
    proxies = await shown(projection, kinds.PROXIES)
    assert proxies.keys() == {"m1~~old", "m1~~web", "m2~~web"}
    assert proxies["m1~~old"] == workloads_v1.proxy(proxy("old"))
    assert (proxies["m1~~old"].name, proxies["m1~~old"].workload) == ("old", "m1~~process~old")

    newer = msgspec.structs.replace(workloads_v1.workload(changed), version="v2")
    subject = "mw.evt.default.envoy.workload.m1==process=web"
    await publish(subject, workloads.WorkloadObserved(workload=newer))
    pods = msgspec.structs.replace(
        newer, id="m1~shop~deployment~web.v1", namespace="shop", kind="deployment", name="web.v1", address=None
    )
    await publish(
        "mw.evt.default.envoy.workload.m1=shop=deployment=web_2Ev1", workloads.WorkloadObserved(workload=pods)
    )
    await projection.caught_up()
    stored = await projection.views.get(kinds.WORKLOADS, "default", "m1~~process~web")
    assert stored is not None
    assert stored.document.version == "v2"
    listed = await projection.views.page(kinds.WORKLOADS, "default", where={"mesh": "m1", "namespace": "shop"})
    assert [one.document for one in listed.items] == [pods]
    (event,) = await projection.views.events("default", where={"id": pods.id})
    assert event.subject.endswith("web_2Ev1")
    assert await projection.views.set_aside() == []
