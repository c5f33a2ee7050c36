"""Any sequence of operations on a mesh: what is accepted leaves a mesh that does what its designs say."""

import asyncio
import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from meshwright.adapters.envoy import adapter
from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.resources import compiler
from meshwright.adapters.envoy.state import allocation, desired, validation
from meshwright.adapters.envoy.state.buckets import Buckets
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.plans import Plan as Planned
from meshwright.adapters.envoy.target import EnvoyTarget
from meshwright.adapters.envoy.xds import statuses
from meshwright.core import ids, kit
from meshwright.core.kit.lifecycle import planning
from meshwright.core.kit.lifecycle.releases import Releases
from meshwright.schemas.designs import Design
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Allow, AnyIntent, EgressControl, Mirror, Timeout
from meshwright.schemas.operations import Command
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import WorkloadSpec

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
EMPTY = DesiredState(workspace="w", mesh="m", connection="c")
COMMAND = Command(
    operation=ids.fresh(), workspace="w", adapter="envoy", connection="c", mesh="m", kind="design.apply",
    principal="ann", accepted_at=NOW, deadline=NOW,
)  # fmt: skip
MESH = kit.MeshRef(workspace="w", connection="c", mesh="m")
OUTBOUND = ResourceRef(group="envoy.config.route.v3", kind="RouteConfiguration", name="outbound")
PORTS = {"a": desired.Ports(outbound=1, inbound=2)}


class Aim(NamedTuple):
    """The mesh after an operation, what stands against it, and its plan when it is about a design."""

    after: DesiredState
    problems: list[FieldError]
    plan: Any = None


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


class Quiet(EnvoyTarget):
    """A mesh whose host has nothing else that listens."""

    async def _taken(self, before: DesiredState, specs: list[WorkloadSpec]) -> dict[Any, str]:
        return {}


class Mesh:
    """A mesh that takes one operation after the other, as the kit does it but without proxies."""

    def __init__(self, runtime: Any) -> None:
        self.state, self.runtime = EMPTY, runtime
        self.revisions: dict[str, list[Design]] = {"x": [], "y": []}

    async def open(self) -> "Mesh":
        """With its buckets."""
        self.buckets = Buckets(*[await self.runtime.bucket(name) for name in Buckets.__struct_fields__])
        self.releases = Releases(await self.runtime.bucket("releases"), self.runtime)
        self.plane = SimpleNamespace(
            buckets=self.buckets, states=lambda: [self.state], options=Options(first_port=20_000),
            runtime=self.runtime, reservations=None, status=lambda _: statuses.ABSENT,
        )  # fmt: skip
        await self.become(EMPTY)
        return self

    async def become(self, state: DesiredState) -> None:
        """Have this as the desired state."""
        self.state = state
        await self.buckets.desired.put("w.m", desired.encode(state))

    def writes(self) -> int:
        """How often the desired state was written."""
        return int(self.runtime.bus.buckets["desired"].writes)

    async def plan(self, command: Command) -> planning.Plan:
        """What a command on a design would do."""
        target = Quiet(kit.Scope(self.runtime, self.plane, MESH))
        return await planning.Planner(adapter, target, self.releases).plan(command)

    async def take(self, what: str, about: Any) -> Aim:
        """Plan an operation."""
        if what == "enrol":
            ports = allocation.allocate([self.state], self.state, [about], 20_000)
            after = desired.enrol(self.state, [about], ports)
            return Aim(after, validation.left_behind(self.state, after))
        if what == "withdraw":
            after = desired.withdraw(self.state, [about])
            return Aim(after, validation.withdrawal_problems(self.state, after, [about]))
        plan = await self.plan(asked(what, about))
        planned = msgspec.convert(plan.dry_run.checkpoint, Planned).after
        assert planned is not None
        return Aim(planned, plan.problems, plan)

    async def record(self, plan: planning.Plan) -> None:
        """Keep the books of an operation that succeeded."""
        command = msgspec.structs.replace(COMMAND, operation=ids.fresh())
        name, design = plan.draft.owner, plan.draft.design
        if design is None:
            await self.releases.end(command, name, "removed")
        else:
            assert plan.draft.revision == len(self.revisions[name]) + 1, "a revision was used before, or left out"
            self.revisions[name].append(design)
            await self.releases.record(command, design, plan.draft.revision, plan.dry_run.inventory)


def asked(what: str, about: Any) -> Command:
    """The command for a step on a design."""
    if what == "apply":
        kind, arguments = "design.apply", {"design": msgspec.to_builtins(about)}
    elif what == "remove":
        kind, arguments = "design.remove", {"design": about}
    else:
        kind, arguments = "design.rollback", {"design": about[0], "revision": about[1]}
    return msgspec.structs.replace(COMMAND, operation=ids.fresh(), kind=kind, arguments=arguments)


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
def test_any_operations_leave_a_mesh_that_does_what_its_designs_say(runtime: Any, steps: list[Any]) -> None:
    """What is refused is told with words and writes nothing; what is accepted keeps every intent's services, every
    port and one owner for each workload, and a rollback is exactly the revision that it names."""

    async def live() -> None:
        mesh = await Mesh(runtime()).open()
        for what, about in steps:
            before, writes = mesh.state, mesh.writes()
            try:
                aim = await mesh.take(what, about)
            except kit.Reject as refusal:
                assert refusal.failure.code == "MW2004"
                continue
            assert mesh.writes() == writes
            if aim.problems:
                assert all(each.detail for each in aim.problems)
                continue
            if aim.plan is not None:
                if what == "roll back" and about[1]:
                    assert aim.plan.draft.design == mesh.revisions[about[0]][about[1] - 1]
                if aim.plan.unchanged:
                    assert compiler.compile_mesh(aim.after).proxies == compiler.compile_mesh(before).proxies
                    continue
                await mesh.record(aim.plan)
            check(before, aim.after)
            await mesh.become(aim.after)

    asyncio.run(live())


async def test_what_is_not_there_is_refused_by_name(runtime: Any) -> None:
    """Removing or rolling back what was never applied, or to a revision that never was, names what is missing."""
    mesh = await Mesh(runtime()).open()
    with pytest.raises(kit.Reject, match="the design x is not applied to m"):
        await mesh.take("remove", "x")
    with pytest.raises(kit.Reject, match="the design x is not applied to m"):
        await mesh.take("roll back", ("x", None))
    aim = await mesh.take("apply", Design(id="x"))
    await mesh.record(aim.plan)
    await mesh.become(aim.after)
    with pytest.raises(kit.Reject, match="revision 7 of x does not exist, or is no longer kept") as refusal:
        await mesh.take("roll back", ("x", 7))
    assert refusal.value.failure.cause and refusal.value.failure.remedy


async def test_nothing_to_do_is_no_revision_and_no_way_back(runtime: Any) -> None:
    """Applied again as it is, also with another description, a design stays at its revision; a rollback goes to the
    newest revision that asks for something else, over all that ask for the same."""
    mesh = await Mesh(runtime()).open()
    await mesh.become(desired.enrol(EMPTY, [WorkloadSpec(name="a", service="a", port=80)], PORTS))
    one, two = (Design(id="x", intents=[Timeout(service="a", timeout=each)]) for each in ("1s", "2s"))
    for design, unchanged in ((one, False), (one, True), (two, False), (one, False), (two, False)):
        aim = await mesh.take("apply", design)
        assert aim.plan.unchanged is unchanged
        assert aim.plan.dry_run.inventory == [OUTBOUND]
        if not unchanged:
            await mesh.record(aim.plan)
            await mesh.become(aim.after)
    assert (await mesh.take("apply", msgspec.structs.replace(two, description="words"))).plan.unchanged
    again = await mesh.take(
        "apply", msgspec.structs.replace(two, intents=[*two.intents, Mirror(service="a", version="v1")])
    )
    assert not again.plan.unchanged
    back = await mesh.take("roll back", ("x", None))
    assert (back.plan.draft.design, back.plan.draft.revision) == (one, 5)
    assert (await mesh.take("roll back", ("x", 2))).plan.unchanged


async def test_a_state_that_a_stranger_changed_is_put_right(runtime: Any) -> None:
    """What the current release says but the mesh does not do is a difference: applying it again is no idle work."""
    mesh = await Mesh(runtime()).open()
    await mesh.become(desired.enrol(EMPTY, [WorkloadSpec(name="a", service="a", port=80)], PORTS))
    before, design = mesh.state, Design(id="x", intents=[Timeout(service="a", timeout="1s")])
    aim = await mesh.take("apply", design)
    await mesh.record(aim.plan)
    await mesh.become(before)
    aim = await mesh.take("apply", design)
    assert not aim.plan.unchanged
    assert [each.ref for each in aim.plan.dry_run.changes] == [OUTBOUND]


async def test_a_preview_writes_nothing_and_shows_what_would_be(runtime: Any) -> None:
    """Good and bad designs, removals and rollbacks are shown with their difference or problems, and what cannot be
    previewed says so; no bucket is touched and nothing is told."""
    here = runtime()
    mesh = await Mesh(here).open()
    spec = WorkloadSpec(name="a", service="a", port=80)
    design = Design(id="x", workloads=[spec], intents=[Timeout(service="a", timeout="1s")])
    aim = await mesh.take("apply", design)
    await mesh.record(aim.plan)
    await mesh.become(aim.after)
    before, told = {name: each.writes for name, each in here.bus.buckets.items()}, len(here.told)
    bad = Design(id="y", intents=[Timeout(service="b", timeout="1s"), EgressControl(hosts=[])])
    for kind, arguments, changes, problems in (
        ("design.apply", {"design": msgspec.to_builtins(design)}, 0, 0),
        ("design.apply", {"design": msgspec.to_builtins(bad)}, 0, 1),
        ("design.remove", {"design": "x"}, 6, 0),
        ("design.rollback", {"design": "x"}, 6, 0),
        ("mesh.uninstall", {}, 0, 1),
    ):
        command = msgspec.structs.replace(COMMAND, kind=kind, arguments=arguments)
        context: Any = kit.PreviewContext(command, here, mesh.plane)
        assert adapter.previewer is not None
        shown = await adapter.previewer(context)
        assert (len(shown.diff), len(shown.problems)) == (changes, problems), kind
        assert bool(shown.unsupported) == ("y" in str(arguments.get("design")) and kind == "design.apply")
    assert ({name: each.writes for name, each in here.bus.buckets.items()}, len(here.told)) == (before, told)


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
