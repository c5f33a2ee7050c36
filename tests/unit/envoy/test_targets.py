"""Any sequence of operations on a mesh: what is accepted leaves a mesh that does what its designs say."""

import asyncio
import datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy.operations.preview import preview
from meshwright.adapters.envoy.operations.targets import DesignPlanner, Target
from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.pki import issuing
from meshwright.adapters.envoy.pki.credentials import Credentials
from meshwright.adapters.envoy.resources import compiler
from meshwright.adapters.envoy.state import allocation, desired, validation
from meshwright.adapters.envoy.state.buckets import Buckets
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.releases import Releases
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import ids, kit
from meshwright.schemas.designs import Design
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Allow, AnyIntent, EgressControl, Mirror, Timeout
from meshwright.schemas.operations import Command
from meshwright.schemas.workloads import WorkloadSpec

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
EMPTY = DesiredState(workspace="w", mesh="m", connection="c")
COMMAND = Command(
    operation=ids.fresh(), workspace="w", adapter="envoy", connection="c", mesh="m", kind="design.apply",
    principal="ann", accepted_at=NOW, deadline=NOW,
)  # fmt: skip
SPECS = st.builds(
    lambda name, version, port: WorkloadSpec(name=f"{name}-1", service=name, version=version, port=port),
    st.sampled_from("ab"),
    st.sampled_from(["v1", "v2"]),
    st.sampled_from([80, 20_003]),
)
INTENTS: st.SearchStrategy[AnyIntent] = st.one_of(
    st.builds(Timeout, service=st.sampled_from("ab"), timeout=st.sampled_from(["1s", "2s"])),
    st.builds(Mirror, service=st.sampled_from("ab"), version=st.sampled_from(["v1", "v2"])),
    st.builds(Allow, source=st.sampled_from("ab"), service=st.sampled_from("ab")),
)
DESIGNS = st.builds(
    Design, id=st.sampled_from("xy"), workloads=st.lists(SPECS, max_size=2), intents=st.lists(INTENTS, max_size=2)
)
STEPS = st.one_of(
    DESIGNS.map(lambda design: ("apply", design)),
    DESIGNS.map(lambda design: ("apply", design)),
    st.tuples(st.just("remove"), st.sampled_from("xy")),
    st.tuples(st.just("roll back"), st.tuples(st.sampled_from("xy"), st.none() | st.integers(1, 3))),
    st.tuples(st.just("enrol"), SPECS),
    st.tuples(st.just("withdraw"), st.sampled_from(["a-1", "b-1"])),
)


async def nothing(specs: list[WorkloadSpec]) -> dict[Any, str]:
    """No place is taken."""
    return {}


class Mesh:
    """A mesh that takes one operation after the other, as the handlers do it but without proxies."""

    def __init__(self, bucket: Any, runtime: Any) -> None:
        self.state, self.bucket = EMPTY, bucket
        self.releases = Releases(bucket, runtime)
        self.revisions: dict[str, list[Design]] = {"x": [], "y": []}

    async def take(self, what: str, about: Any) -> Target:
        """Plan an operation."""
        planner = DesignPlanner(self.state, [self.state], self.releases, 20_000, nothing)
        if what == "apply":
            return await planner.applying(about)
        if what == "remove":
            return await planner.removing(about)
        if what == "roll back":
            return await planner.rolling_back(*about)
        if what == "enrol":
            ports = allocation.allocate([self.state], self.state, [about], 20_000)
            after = desired.enrol(self.state, [about], ports)
            return Target(after=after, problems=validation.left_behind(self.state, after))
        after = desired.withdraw(self.state, [about])
        return Target(after=after, problems=validation.withdrawal_problems(self.state, after, [about]))

    async def record(self, what: str, about: Any, target: Target) -> None:
        """Keep the books of an operation that succeeded."""
        name = about if isinstance(about, str) else about.id if isinstance(about, Design) else about[0]
        command = msgspec.structs.replace(COMMAND, operation=ids.fresh())
        if target.design is None:
            await self.releases.end(command, name, "removed")
        else:
            assert target.revision == len(self.revisions[name]) + 1, "a revision was used before, or left out"
            self.revisions[name].append(target.design)
            await self.releases.record(command, target.design, target.revision, [])


def check(before: DesiredState, after: DesiredState) -> None:
    """What holds of every mesh."""
    assert desired.decode(desired.encode(after)) == after
    compiler.compile_mesh(after)
    for intent in after.intents():
        assert validation.missing(after, intent) == []
    owned = [name for each in after.designs.values() for name in each.workloads]
    assert len(set(owned)) == len(owned)
    assert set(owned) <= set(after.workloads)
    given = [port for each in after.workloads.values() for port in vars_of(each.ports)]
    assert len(set(given)) == len(given)
    for name in before.workloads.keys() & after.workloads.keys():
        assert after.workloads[name].ports == before.workloads[name].ports


def vars_of(ports: desired.Ports) -> list[int]:
    """The ports of a sidecar."""
    return [ports.outbound, ports.inbound]


@settings(max_examples=120, deadline=None)
@given(steps=st.lists(STEPS, max_size=8))
@example(steps=[("apply", Design(id="x")), ("remove", "x"), ("apply", Design(id="x")), ("roll back", ("x", 1))])
def test_any_operations_leave_a_mesh_that_does_what_its_designs_say(
    bucket: Any, runtime: Any, steps: list[Any]
) -> None:
    """What is refused is told with words and writes nothing; what is accepted keeps every intent's services, every
    port and one owner for each workload, and a rollback is exactly the revision that it names."""

    async def live() -> None:
        mesh = Mesh(bucket(), runtime())
        for what, about in steps:
            before, writes = mesh.state, mesh.bucket.writes
            try:
                target = await mesh.take(what, about)
            except kit.Reject as refusal:
                assert refusal.failure.code == "MW2004"
                target = Target(after=before, problems=[FieldError(detail=refusal.failure.what)])
            assert mesh.bucket.writes == writes
            if target.problems:
                assert all(each.detail for each in target.problems)
                continue
            if what == "roll back" and about[1]:
                assert target.design == mesh.revisions[about[0]][about[1] - 1]
            if what in ("apply", "remove", "roll back"):
                await mesh.record(what, about, target)
            check(before, target.after)
            mesh.state = target.after

    asyncio.run(live())


async def test_what_is_not_there_is_refused_by_name(bucket: Any, runtime: Any) -> None:
    """Removing or rolling back what was never applied, or to a revision that never was, names what is missing."""
    mesh = Mesh(bucket(), runtime())
    with pytest.raises(kit.Reject, match="the design x is not applied to m"):
        await mesh.take("remove", "x")
    with pytest.raises(kit.Reject, match="the design x is not applied to m"):
        await mesh.take("roll back", ("x", None))
    target = await mesh.take("apply", Design(id="x"))
    await mesh.record("apply", Design(id="x"), target)
    mesh.state = target.after
    with pytest.raises(kit.Reject, match="revision 7 of x does not exist, or is no longer kept") as refusal:
        await mesh.take("roll back", ("x", 7))
    assert refusal.value.failure.cause and refusal.value.failure.remedy


async def test_a_preview_writes_nothing_and_shows_what_would_be(bucket: Any, runtime: Any) -> None:
    """Good and bad designs, removals and rollbacks are shown with their difference or problems, and what cannot be
    previewed says so; no bucket is touched and nothing is told."""
    here = runtime()
    mesh = Mesh(await here.bucket("releases"), here)
    spec = WorkloadSpec(name="a", service="a", port=80)
    design = Design(id="x", workloads=[spec], intents=[Timeout(service="a", timeout="1s")])
    target = await mesh.take("apply", design)
    await mesh.record("apply", design, target)
    await (await here.bucket("desired")).put("w.m", desired.encode(target.after))
    buckets = Buckets(*[await here.bucket(name) for name in Buckets.__struct_fields__])
    credentials = Credentials(issuing.create_authority("control plane", NOW))
    plane = ControlPlane(here, buckets, cast(Any, None), Options(), credentials)
    before, told = {name: each.writes for name, each in here.buckets.items()}, len(here.told)
    bad = Design(id="y", intents=[Timeout(service="b", timeout="1s"), EgressControl(hosts=[])])
    for kind, arguments, changes, problems in (
        ("design.apply", {"design": msgspec.to_builtins(design)}, 0, 0),
        ("design.apply", {"design": msgspec.to_builtins(bad)}, 0, 1),
        ("design.remove", {"design": "x"}, 6, 0),
        ("design.rollback", {"design": "x"}, 6, 0),
        ("mesh.uninstall", {}, 0, 1),
    ):
        command = msgspec.structs.replace(COMMAND, kind=kind, arguments=arguments)
        shown = await preview(kit.PreviewContext(command, here, plane))
        assert (len(shown.diff), len(shown.problems)) == (changes, problems), kind
        assert bool(shown.unsupported) == ("y" in str(arguments.get("design")) and kind == "design.apply")
    assert ({name: each.writes for name, each in here.buckets.items()}, len(here.told)) == (before, told)


def test_what_left_and_came_back_belongs_to_nobody() -> None:
    """A workload that was withdrawn by hand and enrolled by hand again stays when the design goes that once brought
    it."""
    spec = WorkloadSpec(name="a", service="a", port=80)
    ports = {"a": desired.Ports(outbound=1, inbound=2)}
    state = desired.apply_design(EMPTY, Design(id="x", workloads=[spec]), 1, ports)
    again = desired.enrol(desired.withdraw(state, ["a"]), [spec], ports)
    assert list(desired.remove_design(again, "x").workloads) == ["a"]


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=4), st.integers(20_000, 20_010))
def test_no_port_is_given_twice(batches: list[list[str]], first: int) -> None:
    """Over any enrolments in several meshes no two sidecars share a port, nor have they one of a workload."""
    states = {mesh: DesiredState(workspace="w", mesh=mesh, connection="c") for mesh in ("m", "n")}
    for number, names in enumerate(batches):
        mesh = "mn"[number % 2]
        specs = [WorkloadSpec(name=name, service=name, port=20_000 + ord(name) % 7) for name in names]
        ports = allocation.allocate(states.values(), states[mesh], specs, first)
        assert set(ports) == set(names) - set(states[mesh].workloads)
        states[mesh] = desired.enrol(states[mesh], specs, ports)
        members = [member for state in states.values() for member in state.workloads.values()]
        new = {port for each in ports.values() for port in vars_of(each)}
        assert all(port >= first for port in new)
        assert not {member.spec.port for member in members} & new
        held = [port for member in members for port in vars_of(member.ports)]
        assert len(set(held)) == len(held)


def test_what_is_reserved_is_given_once(tmp_path: Path) -> None:
    """What was given is not given again, to whichever worker or installation, before a desired state can show it; what
    came to nothing is free later; what is only shown takes nothing."""
    spec = WorkloadSpec(name="a", service="a", port=80)
    owners = [tmp_path / name for name in ("one", "one", "two")]
    for each in owners:
        each.mkdir(exist_ok=True)
    several = [allocation.Reservations(each) for each in owners]
    shown = vars_of(allocation.allocate([], EMPTY, [spec], 20_000)["a"])
    given = [allocation.allocate([], EMPTY, [spec], 20_000, each)["a"] for each in several]
    assert len({port for each in given for port in vars_of(each)}) == 6
    several[0].give_back([desired.Member(spec=spec, ports=given[0])])
    again = allocation.allocate([], EMPTY, [spec], 20_000, several[2])["a"]
    assert vars_of(again) == vars_of(given[0])
    assert several[1].claim([desired.Member(spec=spec, ports=again)]) == set(vars_of(given[0]))
    assert min(shown) <= min(min(vars_of(each)) for each in given)


def test_without_a_free_port_it_says_where_it_looked() -> None:
    """When the range is used up, the error names it."""
    spec = WorkloadSpec(name="a", service="a", port=80)
    with pytest.raises(OSError, match=r"no free port on 127\.0\.0\.1 between 32767 and 32767"):
        allocation.allocate([], EMPTY, [spec], 32_767)
