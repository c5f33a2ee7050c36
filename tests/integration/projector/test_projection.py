"""The projector end to end: real process, real bus, real database."""

import asyncio
import datetime
import signal
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids, store
from meshwright.core.store import comparing, generations, kinds
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import access, adapters, connections, designs, meshes, subjects, telemetry, workloads
from meshwright.schemas import operations as o
from rig.stack import projections
from rig.stack.projections import Projection

pytestmark = pytest.mark.servers
NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
MESH = meshes.Mesh(id="demo", kind="envoy", connection="local", adapter="envoy", state="ready", observed_at=NOW)
WORKLOAD = workloads.Workload(
    id="demo~~process~shop",
    mesh="demo",
    connection="local",
    name="shop",
    service="shop",
    version="v1",
    address="127.0.0.1",
    port=80,
    observed_at=NOW,
)
PROXY = workloads.Proxy(
    id="demo~~shop", mesh="demo", name="shop", workload=WORKLOAD.id, state="synced", observed_at=NOW
)
EDGE = telemetry.Edge(source="shop", destination="cart", requests=5, errors=0, rate=1.0, error_rate=0.0, p50_ms=1.5)
DESIGN = designs.Design(id="split", description="a first try")


async def everything(projection: Projection) -> None:
    """One message of each kind."""
    publish = projection.bus.publisher.publish
    written: list[tuple[str, Any]] = [
        (
            "mw.state.default.workspace.default",
            access.WorkspaceWritten(document=access.Workspace(id="default"), principal="ann"),
        ),
        (
            "mw.state.default.connection.local",
            connections.ConnectionWritten(
                document=connections.Connection(id="local", kind="envoy-fleet", labels={"a.b/c": "$x"}), principal="ann"
            ),
        ),
        ("mw.state.default.design.split", designs.DesignWritten(document=DESIGN, principal="ann")),
        (
            "mw.state.default.design.split",
            designs.DesignWritten(
                document=msgspec.structs.replace(DESIGN, description="better"), principal="bob", reason="typo"
            ),
        ),
        ("mw.evt.default.envoy.mesh.demo", meshes.MeshObserved(mesh=MESH)),
        ("mw.evt.default.envoy.workload.shop", workloads.WorkloadObserved(workload=WORKLOAD)),
        ("mw.evt.default.envoy.proxy.shop", workloads.ProxyObserved(proxy=PROXY)),
        (
            "mw.evt.system.scheduler.adapter.envoy",
            adapters.AdapterAnnouncement(
                name="envoy",
                instance="i1",
                version="1",
                contract=1,
                meshes=["envoy"],
                operations=[],
                intents=[],
                started_at=NOW,
            ),
        ),
        (
            "mw.metric.default.envoy.demo",
            telemetry.EdgesMeasured(mesh="demo", start=datetime.datetime.now(datetime.UTC), seconds=5, edges=[EDGE]),
        ),
    ]
    for subject, message in written:
        await publish(subject, message)


async def test_every_message_reaches_its_view(projection: Projection, start_projector: Any) -> None:
    """Each kind of message is readable in its view, with the sequence of its stream as its version."""
    await start_projector()
    await everything(projection)
    operation = await projection.operation()
    await projection.caught_up()
    views = projection.views
    mesh = await views.get(kinds.MESHES, "default", "demo")
    assert mesh is not None
    assert mesh.document == MESH
    assert (await views.page(kinds.WORKLOADS, "default", where={"mesh": "demo"})).items[0].document == WORKLOAD
    proxy = await views.get(kinds.PROXIES, "default", PROXY.id)
    assert proxy is not None
    assert proxy.document == PROXY
    design = await views.get(kinds.DESIGNS, "default", "split")
    assert design is not None
    assert (design.document.description, design.seq) == ("better", 4)
    versions = await views.page(kinds.DESIGN_VERSIONS, "default", where={"id": "split"}, descending=True)
    assert [(one.document.version, one.document.principal) for one in versions.items] == [(4, "bob"), (3, "ann")]
    adapter = await views.get(kinds.ADAPTERS, "system", "envoy")
    assert adapter is not None
    assert adapter.document.instances == ["i1"]
    topology = await views.get(kinds.TOPOLOGY, "default", "demo")
    assert topology is not None
    assert topology.document.edges == [EDGE]
    assert (await views.metrics("default", "demo"))[0].edges == [EDGE]
    stored = await views.get(kinds.OPERATIONS, "default", operation)
    assert stored is not None
    assert (stored.document.state, stored.document.principal) == ("succeeded", "ann")
    assert [(step.name, step.state) for step in stored.document.steps] == [("one", "completed")]
    events = await views.events("default", where={"entity": "operation", "id": operation})
    told = [event.type.split(".")[-2] for event in reversed(events)]
    told.remove("accepted")  # the server's copy may come at any time
    assert told == ["started", "step_started", "step_completed", "succeeded"]
    assert await views.events("default", text="BETTER")


async def test_a_write_can_be_waited_for(projection: Projection, start_projector: Any) -> None:
    """The sequence that a write returned is enough to read that write, for STATE and for COMMANDS."""
    await start_projector()
    document = connections.Connection(id="one", kind="consul")
    written = connections.ConnectionWritten(document=document, principal="ann")
    ack = await projection.bus.publisher.publish("mw.state.default.connection.one", written)
    await projection.views.wait(ack.stream, ack.seq, timeout=10)
    assert await projection.views.get(kinds.CONNECTIONS, "default", "one") is not None
    operation = await projection.operation()
    await projection.views.wait("COMMANDS", 1, timeout=10)
    assert await projection.views.get(kinds.OPERATIONS, "default", operation) is not None
    with pytest.raises(store.NotYetVisible):
        await projection.views.wait("COMMANDS", 2, timeout=0.1)


async def test_deleted_means_gone(projection: Projection, start_projector: Any) -> None:
    """What was deleted or removed is no longer read or listed, and can come back."""
    await start_projector()
    await everything(projection)
    publish = projection.bus.publisher.publish
    await publish(
        "mw.state.default.connection.local", access.ResourceDeleted(kind="connection", id="local", principal="ann")
    )
    await publish("mw.evt.default.envoy.mesh.demo", meshes.MeshRemoved(id="demo", connection="local"))
    await projection.caught_up()
    assert await projection.views.get(kinds.CONNECTIONS, "default", "local") is None
    assert (await projection.views.page(kinds.MESHES, "default")).items == []
    await publish("mw.evt.default.envoy.mesh.demo", meshes.MeshObserved(mesh=MESH))
    await projection.caught_up()
    assert await projection.views.get(kinds.MESHES, "default", "demo") is not None


async def test_what_cannot_be_projected_is_set_aside(
    projection: Projection, start_projector: Any, differences: Any
) -> None:
    """Broken messages are reported with a reason and do not stop those behind them; odd values are kept readable."""
    await start_projector()
    kind, base = o.OperationSucceeded.wire.name, "mw.evt.default.envoy"
    operation = await projection.operation()
    await projections.publish_raw(projection.bus, f"{base}.operation.{ids.fresh()}", b"\xff\xfe", kind)
    await projections.publish_raw(projection.bus, f"{base}.operation.nobody", b"{}", kind)
    await projections.publish_raw(projection.bus, f"{base}.operation.{ids.fresh()}", b"{}", "")
    await projections.publish_raw(projection.bus, f"{base}.mesh.demo", b'{"mesh": 1}', meshes.MeshObserved.wire.name)
    await projections.publish_raw(projection.bus, f"{base}.thing.x", b'{"new": true}', "dev.meshwright.thing.seen.v9")
    odd = ids.fresh()
    payload = b'{"result":{"n":' + b"9" * 40 + b',"a\\u0000b":1,"$set":{"x.y":2}}}'
    await projections.publish_raw(projection.bus, f"{base}.operation.{odd}", payload, kind)
    after = await projection.operation()
    await projection.caught_up()
    aside = await projection.views.set_aside()
    assert len(aside) == 4
    assert all(one.reason for one in aside)
    for each in (operation, odd, after):
        stored = await projection.views.get(kinds.OPERATIONS, "default", each)
        assert stored is not None
        assert stored.document.done
    assert await projection.views.events("default", where={"type": "dev.meshwright.thing.seen.v9"})
    assert await differences(projection, 1) == []


async def test_a_killed_projector_goes_on_without_gap_or_repeat(
    projection: Projection, start_projector: Any, differences: Any
) -> None:
    """kill -9 in the middle of the load, twice: every event is there once, every view as if nothing happened."""
    load = asyncio.create_task(projection.operations(800))
    for least in (300, 1500):
        projector = await start_projector()

        async def under_way(seq: int = least) -> bool:
            return (await projection.views.position("EVENTS")).seq > seq

        await eventually(under_way)
        await projector.kill()
    await start_projector()
    await load
    await projection.caught_up()
    first, last = await projection.bus.stream_bounds("EVENTS")
    assert await comparing.count(projection.database, 1, kinds.EVENT_LOG) == last - first + 1 == 4000
    assert await differences(projection, 1) == []


async def test_a_standby_takes_over_from_the_dead_and_from_the_frozen(
    projection: Projection, start_projector: Any, differences: Any
) -> None:
    """Of two projectors one works; the other goes on when it is frozen, and the awakened one changes nothing."""
    one = await start_projector()
    await projection.operations(20)
    await projection.caught_up()
    other = await start_projector()
    await eventually(lambda: "projecting" not in other.log.read_text() and other.process.returncode is None)
    load = asyncio.create_task(projection.operations(300, width=5))
    one.signal(signal.SIGSTOP)
    await load
    await projection.caught_up()
    assert "projecting into generation 1" in other.log.read_text()
    one.signal(signal.SIGCONT)
    await projection.operations(100)
    await eventually(lambda: "lost the lease" in one.log.read_text())
    assert await other.stop() == 0
    await projection.operations(20)
    await projection.caught_up()
    assert await differences(projection, 1) == []


async def test_a_rebuild_beside_the_live_load_ends_equal(
    projection: Projection, start_projector: Any, differences: Any
) -> None:
    """A rebuild while events keep coming ends with the same views, and the old ones go."""
    projector = await start_projector()
    await everything(projection)
    await projection.operations(100)
    await projection.caught_up()
    load = asyncio.create_task(projection.operations(600, width=4))
    rebuild = await start_projector("rebuild")
    async with asyncio.timeout(40):
        status = await rebuild.process.wait()
    assert status == 0, rebuild.log.read_text()
    assert await generations.live(projection.database) == 2
    await load
    await projection.caught_up()
    assert "projecting into generation 2" in projector.log.read_text()
    assert await comparing.count(projection.database, 1, kinds.OPERATIONS.name) == 0
    assert await comparing.count(projection.database, 2, kinds.OPERATIONS.name) == 700
    assert await differences(projection, 2) == []


async def test_a_rebuild_keeps_versions_that_the_stream_forgot(projection: Projection, start_projector: Any) -> None:
    """STATE keeps a hundred versions of a design; the views show all that there were, also after a rebuild."""
    await start_projector()
    await everything(projection)  # older than the versions, and kept: the stream has a gap, not a later beginning
    for number in range(105):
        design = designs.Design(id="d", description=f"version {number}")
        message = designs.DesignWritten(document=design, principal="ann")
        await projection.bus.publisher.publish("mw.state.default.design.d", message)
        if number % 50 == 0:
            await projection.caught_up()  # before the stream forgets the first ones
    await projection.caught_up()
    before = await projection.views.page(kinds.DESIGN_VERSIONS, "default", where={"id": "d"}, limit=500)
    assert len(before.items) == 105
    rebuild = await start_projector("rebuild")
    async with asyncio.timeout(40):
        assert await rebuild.process.wait() == 0, rebuild.log.read_text()
    await projection.caught_up()
    assert await generations.live(projection.database) == 2
    after = await projection.views.page(kinds.DESIGN_VERSIONS, "default", where={"id": "d"}, limit=500)
    assert after.items == before.items


async def test_it_ends_when_told(projection: Projection, start_projector: Any) -> None:
    """SIGTERM under load ends it within its grace with status 0 and no traceback; its lease is free at once."""
    projector = await start_projector()
    load = asyncio.create_task(projection.operations(300))
    await eventually(lambda: "projecting" in projector.log.read_text())
    assert await projector.stop() == 0
    assert "Traceback" not in projector.log.read_text()
    leases = await mwbus.open_bucket(projection.bus, subjects.LEASES.name)
    assert await leases.get("projector") is None
    heir = await start_projector()
    await eventually(lambda: "projecting" in heir.log.read_text())
    await load
    await projection.caught_up()
