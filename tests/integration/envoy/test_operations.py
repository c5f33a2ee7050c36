"""Operations of the Envoy adapter: what they change, publish, undo and store."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.adapters.envoy.state import desired
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import ids, kit
from meshwright.core.testing.eventually import eventually
from meshwright.schemas.designs import Design, ReleaseChanged
from meshwright.schemas.intents import Backend, EgressControl, FaultAbort, NativeResource, TrafficSplit
from meshwright.schemas.meshes import MeshObserved, MeshRemoved
from meshwright.schemas.operations import (
    ApplyDesign,
    InstallMesh,
    RefreshStatus,
    RemoveDesign,
    RollbackDesign,
    UninstallMesh,
    enrolling,
    withdrawing,
)
from meshwright.schemas.workloads import ProxyObserved, ProxyRemoved, WorkloadObserved, WorkloadRemoved, WorkloadSpec

pytestmark = pytest.mark.servers
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
OUTBOUND = {"group": "envoy.config.route.v3", "kind": "RouteConfiguration", "namespace": "", "name": "outbound"}


def split(first: int, name: str = "split") -> Design:
    """A design that sends so many percent of `reviews` to v1."""
    backends = [Backend(version="v1", weight=first), Backend(version="v2", weight=100 - first)]
    return Design(id=name, intents=[TrafficSplit(service="reviews", backends=backends)])


def broken() -> Design:
    """A design whose native resource is well-formed, but which Envoy cannot run."""
    body = {"virtual_hosts": [{"name": "twice", "domains": ["reviews"]}]}
    resource = NativeResource(type=ROUTES, name="outbound", body=body)
    return Design(id="broken", resources=[resource], intents=[FaultAbort(service="reviews", status=500)])


async def test_a_rejected_configuration_keeps_the_last_good_one(envoy_mesh: Any) -> None:
    """A NACK fails the operation with Envoy's words; the former configuration serves on, nothing of the new one."""
    await envoy_mesh.do(ApplyDesign(design=split(100)))
    before = envoy_mesh.plane.state("default", "demo")
    with pytest.raises(kit.Reject) as refusal:
        await envoy_mesh.do(ApplyDesign(design=broken()))
    assert refusal.value.failure.code == "MW2001"
    assert "Only unique values for domains are permitted" in refusal.value.failure.what
    assert await envoy_mesh.shares("reviews", 20) == {"reviews-v1": 20}
    version = desired.version(before)
    answers = await envoy_mesh.plane.applied("default", "demo", version, 10)
    assert {each.state for each in answers.values()} == {"synced"}
    told = [each.proxy for each in await envoy_mesh.events(ProxyObserved) if each.proxy.state == "rejected"]
    assert told and "Only unique values for domains are permitted" in told[0].error
    assert {each.type for each in told[0].sync if each.state == "rejected"} == {"RouteConfiguration"}


async def test_every_proxy_is_reported_with_its_version_and_identity(envoy_mesh: Any) -> None:
    """Events show each workload, and each proxy as synced with ACKed version, Envoy's version, ports, identity."""

    async def all_synced() -> dict[str, Any]:
        proxies = {each.proxy.id: each.proxy for each in await envoy_mesh.events(ProxyObserved)}
        synced = {name: each for name, each in proxies.items() if each.state == "synced"}
        return synced if len(synced) == 4 else {}

    proxies = await eventually(all_synced)
    web = proxies["demo~~web-v1"]
    assert web.acked == web.sent != ""
    assert web.version.startswith("1.")
    assert web.certificate.spiffe_id == "spiffe://mesh.local/ns/default/sa/web-v1"
    assert [each.type for each in web.sync] == ["Cluster", "Listener", "RouteConfiguration", "Secret"]
    assert {each.state for each in web.sync} == {"synced"}
    assert all(each.acked == each.sent != "" for each in web.sync[:3]), "those of secrets are not told"
    assert web.details.outbound_port != web.details.inbound_port
    assert {each.workload.id for each in await envoy_mesh.events(WorkloadObserved)} == {
        each.workload for each in proxies.values()
    }
    await eventually(lambda: _mesh_told(envoy_mesh, "ready", 4))


async def _mesh_told(envoy_mesh: Any, state: str, proxies: int) -> bool:
    told = (await envoy_mesh.events(MeshObserved))[-1].mesh
    return bool(told.state == state and told.proxies == proxies)


async def test_releases_are_recorded_superseded_and_rolled_back(envoy_mesh: Any) -> None:
    """Two revisions, a rollback to the first, then to none: each published as a release, each effective in traffic."""
    first = await envoy_mesh.do(ApplyDesign(design=split(100)))
    second = await envoy_mesh.do(ApplyDesign(design=split(0)))
    assert (first["revision"], second["revision"]) == (1, 2)
    assert OUTBOUND in first["inventory"]
    assert await envoy_mesh.shares("reviews", 10) == {"reviews-v2": 10}
    third = await envoy_mesh.do(RollbackDesign(design="split"))
    assert third["revision"] == 3
    assert await envoy_mesh.shares("reviews", 10) == {"reviews-v1": 10}
    assert await _release_states(envoy_mesh) == {1: "superseded", 2: "rolled_back", 3: "applied"}
    await envoy_mesh.do(RemoveDesign(design="split"))
    assert await _release_states(envoy_mesh) == {1: "superseded", 2: "rolled_back", 3: "removed"}
    assert len(await envoy_mesh.shares("reviews", 60)) == 2


async def test_rolling_back_the_first_revision_takes_the_design_away(envoy_mesh: Any) -> None:
    """Before the first revision there was nothing, and that is what comes back."""
    await envoy_mesh.do(ApplyDesign(design=split(100)))
    await envoy_mesh.do(RollbackDesign(design="split"))
    assert await _release_states(envoy_mesh) == {1: "rolled_back"}
    assert len(await envoy_mesh.shares("reviews", 60)) == 2
    with pytest.raises(kit.Reject, match="not applied"):
        await envoy_mesh.do(RollbackDesign(design="split"))


async def _release_states(envoy_mesh: Any) -> dict[int, str]:
    return {each.release.revision: each.release.state for each in await envoy_mesh.events(ReleaseChanged)}


async def test_a_redelivered_operation_has_one_effect(envoy_mesh: Any) -> None:
    """The same command handled twice, as after a crash before its terminal event, gives one release and one state."""
    operation = ids.fresh()
    first = await envoy_mesh.do(ApplyDesign(design=split(90)), operation=operation)
    version = desired.version(envoy_mesh.plane.state("default", "demo"))
    journal = kit.Journal(envoy_mesh.bus, envoy_mesh.commands[operation])
    await journal.read()
    context = kit.Context(envoy_mesh.commands[operation], envoy_mesh.runtime, journal, kit.Control(), envoy_mesh.plane)
    again = await envoy_mesh.handle(context, ApplyDesign(design=split(90)))
    assert again == first
    assert desired.version(envoy_mesh.plane.state("default", "demo")) == version
    assert await _release_states(envoy_mesh) == {1: "applied"}


async def test_a_bad_document_changes_nothing(envoy_mesh: Any) -> None:
    """Unknown services and versions, contradictions and misfitting resources are all named at once."""
    backends = [Backend(version="v1", weight=50), Backend(version="v9", weight=50)]
    design = Design(
        id="bad",
        intents=[
            TrafficSplit(service="reviews", backends=backends),
            FaultAbort(service="nobody", status=500),
            FaultAbort(service="ratings", status=500),
            FaultAbort(service="ratings", status=501),
        ],
        resources=[NativeResource(type=LISTENER, name="inbound", body={"adress": {}})],
    )
    before = envoy_mesh.plane.state("default", "demo")
    with pytest.raises(kit.Reject) as refusal:
        await envoy_mesh.do(ApplyDesign(design=design))
    pointers = {each["pointer"] for each in refusal.value.failure.details["errors"]}
    assert pointers == {
        "#/intents/0/backends/1/version", "#/intents/1/service", "#/intents/3", "#/resources/0/body"
    }  # fmt: skip
    assert envoy_mesh.plane.state("default", "demo") == before


async def test_an_unsupported_intent_is_refused(envoy_mesh: Any) -> None:
    """What the mesh cannot do is refused with the reason and an alternative, never half done."""
    design = Design(id="out", intents=[EgressControl(hosts=["example.org"]), FaultAbort(service="reviews", status=500)])
    with pytest.raises(kit.Reject) as refusal:
        await envoy_mesh.do(ApplyDesign(design=design))
    assert (refusal.value.failure.code, "firewall" in refusal.value.failure.remedy) == ("MW2010", True)
    assert (await envoy_mesh.get("reviews")).status_code == 200
    told = await envoy_mesh.preview(ApplyDesign(design=design))
    assert [each.intent for each in told.unsupported] == ["egress-control"]


async def test_a_preview_shows_what_the_operation_will_do(envoy_mesh: Any) -> None:
    """The previewed difference is the actual difference, and a preview changes nothing."""
    design = split(90)
    told = await envoy_mesh.preview(ApplyDesign(design=design))
    assert [(each.ref.kind, each.ref.name, each.change) for each in told.diff] == [
        ("RouteConfiguration", "outbound", "update")
    ]
    assert "weight: 90" in told.diff[0].after and "weight: 90" not in told.diff[0].before
    assert [each.intent for each in told.translations] == ["traffic-split"]
    assert told.translations[0].resources[0].body["virtual_hosts"][0]["name"] == "reviews"
    result = await envoy_mesh.do(ApplyDesign(design=design))
    assert result["inventory"] == [OUTBOUND]
    assert (await envoy_mesh.preview(ApplyDesign(design=design))).diff == []


async def test_a_design_brings_workloads_and_takes_them_along(envoy_mesh: Any) -> None:
    """A design's workloads are enrolled with it, reachable at once, and leave when it is removed."""
    extra = WorkloadSpec(name="extra-v1", service="extra", port=envoy_mesh.apps["ratings-v1"].port)
    await envoy_mesh.do(ApplyDesign(design=Design(id="more", workloads=[extra])))
    assert (await envoy_mesh.get("extra")).text == "ratings-v1"
    await envoy_mesh.do(RemoveDesign(design="more"))
    assert (await envoy_mesh.get("extra")).status_code == 404
    assert "default.demo.extra-v1" not in {each.node_id for each in await envoy_mesh.plane.fleet.list()}


async def test_withdrawing_stops_the_sidecar_and_reports_it(envoy_mesh: Any) -> None:
    """A withdrawn workload is gone from routes, fleet and view; one that a design needs stays."""
    await envoy_mesh.do(ApplyDesign(design=split(90)))
    with pytest.raises(kit.Reject, match="still needs"):
        await envoy_mesh.do(withdrawing(["reviews-v2"]))
    await envoy_mesh.do(withdrawing(["ratings-v1"]))
    assert (await envoy_mesh.get("ratings")).status_code == 404
    assert [each.id for each in await envoy_mesh.events(WorkloadRemoved)] == ["demo~~process~ratings-v1"]
    assert [each.id for each in await envoy_mesh.events(ProxyRemoved)] == ["demo~~ratings-v1"]
    assert len(await envoy_mesh.plane.fleet.list()) == 3


async def test_enrolling_twice_changes_nothing(envoy_mesh: Any) -> None:
    """The same workloads keep their ports, sidecars and configuration."""
    before = envoy_mesh.plane.state("default", "demo")
    pids = {each.pid for each in await envoy_mesh.plane.fleet.list()}
    await envoy_mesh.do(enrolling(envoy_mesh.specs()))
    assert envoy_mesh.plane.state("default", "demo") == before
    assert {each.pid for each in await envoy_mesh.plane.fleet.list()} == pids


async def test_uninstalling_leaves_nothing(envoy_mesh: Any) -> None:
    """Sidecars, desired state, keys and proxy records are gone, and the same mesh can be installed again."""
    await envoy_mesh.do(ApplyDesign(design=split(90)))
    await envoy_mesh.do(UninstallMesh())
    assert await envoy_mesh.plane.fleet.list() == []
    for name in ("desired", "secrets", "proxies", "releases", "design-plans"):
        assert await (await envoy_mesh.runtime.bucket(name)).keys("default.") == [], name
    assert [each.id for each in await envoy_mesh.events(MeshRemoved)] == ["demo"]
    await envoy_mesh.do(InstallMesh(trust_domain="other.local"))
    await envoy_mesh.do(enrolling(envoy_mesh.specs()))
    assert (await envoy_mesh.get("ratings")).status_code == 200


async def test_no_mesh_is_said_plainly(bare_envoy_mesh: Any) -> None:
    """Operations on a mesh that is not there are refused with its name."""
    with pytest.raises(kit.Reject, match="there is no Envoy mesh demo"):
        await bare_envoy_mesh.do(ApplyDesign(design=split(90)))


async def test_a_remote_workload_waits_for_its_sidecar(envoy_mesh: Any) -> None:
    """A remote sidecar that never connected delays no other; it is published as disconnected."""
    remote = WorkloadSpec(name="far-v1", service="far", port=9, sidecar="remote")
    await envoy_mesh.do(enrolling([remote]))
    status = await envoy_mesh.do(RefreshStatus())
    assert status["behind"] == ["far-v1"]
    assert status["mesh"]["state"] == "degraded"
    document = envoy_mesh.plane.bootstrap(envoy_mesh.plane.state("default", "demo"), "far-v1")
    assert document["node"]["id"] == "default.demo.far-v1"


async def test_another_replica_takes_over_the_proxies(envoy_mesh: Any, tmp_path: Path) -> None:
    """With two control planes on one bus, either applies a change to proxies that are connected to the other."""
    runtime = kit.Runtime(envoy_mesh.bus, "envoy", "second", tmp_path / "second", envoy_mesh.runtime.sealer)
    async with ControlPlane.open(runtime, envoy_mesh.options) as second:
        await envoy_mesh.do(ApplyDesign(design=split(100)))
        version = desired.version(envoy_mesh.plane.state("default", "demo"))
        answers = await second.applied("default", "demo", version, 10)
        assert {each.state for each in answers.values()} == {"synced"}
        assert {each.replica for each in answers.values()} == {"tester"}


async def test_private_keys_are_in_no_event(envoy_mesh: Any) -> None:
    """No event contains a private key."""
    authority = await envoy_mesh.plane.authority("default", "demo")
    state = envoy_mesh.plane.state("default", "demo")
    seq = 1
    while received := await envoy_mesh.bus.following("EVENTS", seq, ">"):
        seq = received.seq + 1
        assert b"PRIVATE KEY" not in received.payload
    assert seq > 1
    assert "PRIVATE" not in repr(authority)
    assert b"PRIVATE" not in msgspec.json.encode(state)
