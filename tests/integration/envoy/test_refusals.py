"""Operations that would leave a mesh other than its designs or its name say: refused before anything changes."""

import asyncio
from typing import Any

import msgspec
import pytest

from meshwright.core import kit
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Backend, NativeResource, Timeout, TrafficSplit
from meshwright.schemas.operations import (
    ApplyDesign,
    EnrolWorkloads,
    InstallMesh,
    RemoveDesign,
    UninstallMesh,
    WithdrawWorkloads,
    enrolling,
    withdrawing,
)
from meshwright.schemas.workloads import (
    ControllerMember,
    NamespaceMember,
    WorkloadObserved,
    WorkloadRemoved,
    WorkloadSpec,
)

pytestmark = pytest.mark.servers
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
EVEN = [Backend(version="v1", weight=50), Backend(version="v2", weight=50)]
SPLIT = Design(id="split", intents=[TrafficSplit(service="reviews", backends=EVEN)])


async def test_a_workload_that_a_design_needs_cannot_become_another(envoy_mesh: Any) -> None:
    """Enrolling it under another version or service is refused, as withdrawing it is, with the name of the design."""
    await envoy_mesh.do(ApplyDesign(design=SPLIT))
    before = envoy_mesh.plane.state("default", "demo")
    second = next(each for each in envoy_mesh.specs() if each.name == "reviews-v2")
    for change in ({"version": "v3"}, {"service": "ratings"}):
        with pytest.raises(kit.Reject, match="the design split still needs it") as refusal:
            await envoy_mesh.do(enrolling([msgspec.structs.replace(second, **change)]))
        assert refusal.value.failure.code == "MW2002"
    assert envoy_mesh.plane.state("default", "demo") == before
    assert set(await envoy_mesh.shares("reviews", 20)) == {"reviews-v1", "reviews-v2"}


async def test_a_trust_domain_that_makes_no_identity_is_refused(bare_envoy_mesh: Any) -> None:
    """The refusal has its pointer and the valid form, for a new and for an existing mesh."""
    for there in (None, "mesh.local"):
        for name in ("", "münchen.local", "two words", "a/b"):
            with pytest.raises(kit.Reject, match="a trust domain is 1 to 255 of") as refusal:
                await bare_envoy_mesh.do(InstallMesh(trust_domain=name))
            (problem,) = refusal.value.failure.details["errors"]
            assert problem["pointer"] == "#/trust_domain"
            state = bare_envoy_mesh.plane.state("default", "demo")
            assert (state and state.trust_domain) == there
        await bare_envoy_mesh.do(InstallMesh())


async def test_a_mesh_installed_again_has_no_revision_of_the_former_one(bare_envoy_mesh: Any) -> None:
    """The histories of designs that were removed before go with the mesh too, so nothing can be rolled back to them."""
    await bare_envoy_mesh.do(InstallMesh())
    await bare_envoy_mesh.do(ApplyDesign(design=Design(id="first")))
    await bare_envoy_mesh.do(RemoveDesign(design="first"))
    await bare_envoy_mesh.do(ApplyDesign(design=Design(id="second")))
    await bare_envoy_mesh.do(UninstallMesh())
    assert await (await bare_envoy_mesh.runtime.bucket("releases")).keys() == []
    await bare_envoy_mesh.do(InstallMesh())
    assert (await bare_envoy_mesh.do(ApplyDesign(design=Design(id="first"))))["revision"] == 1


async def test_a_correction_reaches_proxies_that_still_reject_what_it_replaces(envoy_mesh: Any) -> None:
    """With a rejected configuration kept on purpose, its correction is accepted, changed routes included."""
    ring = {"minimum_ring_size": 9, "maximum_ring_size": 8}
    bad = NativeResource(type=CLUSTER, name="extra", body={"lb_policy": "RING_HASH", "ring_hash_lb_config": ring})
    kept = envoy_mesh.command(ApplyDesign(design=Design(id="split", resources=[bad])), keep_on_failure=True)
    context = kit.Context(kept, envoy_mesh.runtime, kit.Journal(envoy_mesh.bus, kept), kit.Control(), envoy_mesh.plane)
    with pytest.raises(kit.Reject, match="minimum_ring_size"):
        await envoy_mesh.handle(context, ApplyDesign(design=Design(id="split", resources=[bad])))
    await envoy_mesh.apply(TrafficSplit(service="reviews", backends=[Backend(version="v2", weight=100)]), name="split")
    assert await envoy_mesh.shares("reviews", 20) == {"reviews-v2": 20}


async def test_a_workload_named_twice_is_refused(bare_envoy_mesh: Any) -> None:
    """Of two specifications under one name the second is reported with its pointer, as in a design."""
    await bare_envoy_mesh.do(InstallMesh())
    twice = [WorkloadSpec(name="a", service="a", port=port) for port in (9, 10)]
    with pytest.raises(kit.Reject, match="a is named twice") as refusal:
        await bare_envoy_mesh.do(enrolling(twice))
    assert [each["pointer"] for each in refusal.value.failure.details["errors"]] == ["#/workloads/1/name"]
    assert bare_envoy_mesh.plane.state("default", "demo").workloads == {}


async def test_two_meshes_enrol_at_the_same_moment(bare_envoy_mesh: Any) -> None:
    """Concurrent plans for different meshes share no port, so both have their sidecars, also for workloads of the
    same name, which are distinguished everywhere.
    """
    meshes = ("one", "two")
    for mesh in meshes:
        await bare_envoy_mesh.do(InstallMesh(), mesh=mesh)
    specs = {mesh: WorkloadSpec(name="w", service="w", port=port) for mesh, port in zip(meshes, (9, 10), strict=True)}
    await asyncio.gather(*(bare_envoy_mesh.do(enrolling([specs[mesh]]), mesh=mesh) for mesh in meshes))
    states = [bare_envoy_mesh.plane.state("default", mesh) for mesh in meshes]
    ports = [msgspec.structs.astuple(member.ports) for state in states for member in state.workloads.values()]
    assert len({port for each in ports for port in each}) == 4
    assert {each.node_id for each in await bare_envoy_mesh.plane.fleet.list()} == {"default.one.w", "default.two.w"}
    told = {each.workload.id: each.workload.mesh for each in await bare_envoy_mesh.events(WorkloadObserved)}
    assert told == {"one~~process~w": "one", "two~~process~w": "two"}
    await bare_envoy_mesh.do(withdrawing(["w"]), mesh="one")
    assert [each.id for each in await bare_envoy_mesh.events(WorkloadRemoved)] == ["one~~process~w"]
    assert bare_envoy_mesh.plane.state("default", "two").workloads.keys() == {"w"}


@pytest.mark.parametrize(
    "member",
    [
        NamespaceMember(namespace="shop"),
        ControllerMember(namespace="shop", kind="deployment", name="reviews.v1"),
    ],
)
async def test_what_this_mesh_does_not_have_is_refused(bare_envoy_mesh: Any, member: Any) -> None:
    """A namespace or a Deployment is neither enrolled nor withdrawn, and the refusal says what this mesh is made of."""
    await bare_envoy_mesh.do(InstallMesh())
    for arguments in (EnrolWorkloads(workloads=[member]), WithdrawWorkloads(workloads=[member])):
        with pytest.raises(kit.Reject, match="made of processes") as refusal:
            await bare_envoy_mesh.do(arguments)
        assert [each["pointer"] for each in refusal.value.failure.details["errors"]] == ["#/workloads/0/member"]


async def test_the_long_form_of_a_service_is_refused(bare_envoy_mesh: Any) -> None:
    """A namespace in a design is refused, with its pointer and the valid form."""
    await bare_envoy_mesh.do(InstallMesh())
    design = Design(id="d", intents=[Timeout(service="shop/reviews", timeout="1s")])
    with pytest.raises(kit.Reject, match="has no namespaces: write reviews") as refusal:
        await bare_envoy_mesh.do(ApplyDesign(design=design))
    assert [each["pointer"] for each in refusal.value.failure.details["errors"]] == ["#/intents/0/service"]
