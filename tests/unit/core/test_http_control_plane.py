"""The target of control planes behind HTTP, on entries in memory: what others do at the worst moment must be exact.

The entries stand for a control plane behind the same port; like Consul they refuse a split whose subsets are missing.
The contract of targets against a real server is among the integration tests.
"""

import copy
import itertools
from collections.abc import Callable, Collection
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core import kit
from meshwright.core.kit.http_control_plane import ControlPlaneTarget, Entry, Marked, Owner
from meshwright.core.testing.target_contract import ATTEMPT, TargetContract
from meshwright.schemas.designs import Design
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Resource
from meshwright.schemas.references import ResourceRef

MESH = kit.MeshRef(workspace="default", connection="local", mesh="prod")
Body = dict[str, Any]


def ref(kind: str, name: str = "reviews") -> ResourceRef:
    """The reference of an entry."""
    return ResourceRef(group="memory", kind=kind, name=name)


RESOLVER, SPLITTER = ref("resolver"), ref("splitter")


class InvalidEntryError(Exception):
    """The control plane would not take it."""


class Memory:
    """A control plane. `meddle` is called before each write, as somebody else who is quicker."""

    def __init__(self) -> None:
        self.there: dict[ResourceRef, Entry] = {}
        self.meddle: Callable[[ResourceRef], None] = lambda _: None
        self._versions = itertools.count(1)

    def put(self, at: ResourceRef, entry: Marked) -> None:
        """Write an entry, whoever has it."""
        stranger = "" if entry.owners else "somebody"
        self.there[at] = Entry(
            body=copy.deepcopy(entry.body),
            owners=entry.owners,
            former=entry.former,
            version=str(next(self._versions)),
            stranger=stranger,
        )
        self._check()

    async def read(self, refs: Collection[ResourceRef]) -> dict[ResourceRef, Entry]:
        return {each: self.there[each] for each in refs if each in self.there}

    async def write(self, at: ResourceRef, entry: Marked, version: str) -> bool:
        self.meddle(at)
        if self._version(at) != version:
            return False
        self.put(at, entry)
        return True

    async def remove(self, at: ResourceRef, version: str) -> bool:
        self.meddle(at)
        if self._version(at) != version:
            return False
        del self.there[at]
        self._check()
        return True

    def normal(self, at: ResourceRef, body: Body) -> Body:
        return body

    def problems(self, at: ResourceRef, body: Body) -> list[FieldError]:
        return []

    def rank(self, at: ResourceRef) -> int:
        return 0 if at.kind == "resolver" else 1

    def between(self, at: ResourceRef, before: Body, after: Body) -> Body | None:
        if at.kind != "resolver":
            return None
        both = {"subsets": sorted({*before["subsets"], *after["subsets"]})}
        return both if both != after else None

    def _version(self, at: ResourceRef) -> str:
        return self.there[at].version if at in self.there else ""

    def _check(self) -> None:
        subsets = self.there[RESOLVER].body["subsets"] if RESOLVER in self.there else []
        wanted = self.there[SPLITTER].body["to"] if SPLITTER in self.there else []
        if not set(wanted) <= set(subsets):
            raise InvalidEntryError(f"the splitter wants {wanted}, and the resolver has {subsets}")


class MemoryTarget(ControlPlaneTarget):
    """The target of a control plane in memory."""

    watch_every = 0.05

    def __init__(self, memory: Memory) -> None:
        self.memory, self.mesh = memory, MESH

    async def entries(self) -> Memory:
        return self.memory


def split(*versions: str) -> list[Resource]:
    """A resolver and a splitter for these versions; none: nothing."""
    if not versions:
        return []
    return [
        Resource(ref=RESOLVER, body={"subsets": sorted(versions)}),
        Resource(ref=SPLITTER, body={"to": sorted(versions)}),
    ]


def draft(name: str, resources: list[Resource], former: Collection[ResourceRef] = (), **more: Any) -> kit.Draft:
    """A draft as the kit builds it."""
    design = Design(id=name) if resources else None
    return kit.Draft(
        mesh=MESH, owner=name, operation="one", design=design, resources=resources, former=list(former), **more
    )


async def apply(target: kit.Target, wanted: kit.Draft) -> kit.DryRun:
    """Apply a draft completely."""
    run = await target.dry_run(wanted)
    await target.apply(wanted, run.checkpoint, ATTEMPT)
    await target.prune(wanted, wanted.gone(run.inventory), run.checkpoint, ATTEMPT)
    return run


class TestContract(TargetContract):
    """See `TargetContract`."""

    @pytest.fixture
    async def target(self) -> kit.Target:
        """An empty control plane."""
        return MemoryTarget(Memory())

    def design(self, revision: int) -> Design:
        """Nothing but a name: the resources say it all."""
        return Design(id="contract", description=str(revision))

    def resources(self, revision: int) -> list[Resource]:
        """Other versions in each revision, so that the old split and the new one exclude each other's resolver."""
        return split("v1", "v2") if revision == 1 else split("v3")


@given(st.lists(st.lists(st.sampled_from(["v1", "v2", "v3"]), unique=True), min_size=1, max_size=5))
async def test_any_row_of_revisions_is_valid_at_every_moment(rows: list[list[str]]) -> None:
    """Each is applied, and the last one taken back: the control plane refuses nothing, and is as it was before."""
    memory = Memory()
    target = MemoryTarget(memory)
    former: list[ResourceRef] = []
    for row in rows[:-1]:
        former = (await apply(target, draft("canary", split(*row), former))).inventory
    before = {at: (each.body, each.owners) for at, each in memory.there.items()}
    wanted = draft("canary", split(*rows[-1]), former)
    run = await apply(target, wanted)
    assert {at: each.body for at, each in memory.there.items()} == {each.ref: each.body for each in split(*rows[-1])}
    gone = wanted.gone(run.inventory)
    for _ in range(2):
        await target.restore(wanted, gone, run.checkpoint, ATTEMPT)
        await target.revert(wanted, run.checkpoint, ATTEMPT)
    assert {at: (each.body, each.owners) for at, each in memory.there.items()} == before


async def test_what_somebody_changes_while_it_is_written_is_not_overwritten() -> None:
    """Between plan and write, and between reading and writing: theirs stays, and the operation ends saying so."""
    for quick in (False, True):
        memory = Memory()
        target = MemoryTarget(memory)
        first = await apply(target, draft("canary", split("v1")))
        wanted = draft("canary", split("v1", "v2"), first.inventory)
        run = await target.dry_run(wanted)
        theirs = Marked(body={"subsets": ["v1", "theirs"]}, owners=memory.there[RESOLVER].owners)

        def meddle(at: ResourceRef, memory: Memory = memory, theirs: Marked = theirs) -> None:
            if at == RESOLVER and memory.there[RESOLVER].body != theirs.body:
                memory.put(RESOLVER, theirs)

        if quick:
            memory.meddle = meddle
        else:
            memory.put(RESOLVER, theirs)
        with pytest.raises(kit.Reject, match="was changed by somebody else"):
            await target.apply(wanted, run.checkpoint, ATTEMPT)
        assert memory.there[RESOLVER].body == theirs.body


async def test_what_is_not_ours_is_a_conflict_and_is_given_back() -> None:
    """The dry run names the stranger; taken over, it is theirs again when the design is removed."""
    memory = Memory()
    target = MemoryTarget(memory)
    memory.put(RESOLVER, Marked(body={"subsets": ["old"]}))
    run = await target.dry_run(draft("canary", split("v1")))
    assert [each.conflict for each in run.changes] == ["somebody", ""]
    run = await apply(target, draft("canary", split("v1"), take_over=True))
    assert memory.there[RESOLVER].body == {"subsets": ["v1"]}
    again = await apply(target, draft("canary", split("v1", "v2"), run.inventory))
    assert not any(each.conflict for each in again.changes)
    shown = await target.dry_run(draft("canary", [], again.inventory))
    assert {each.ref: each.after for each in shown.changes} == {RESOLVER: {"subsets": ["old"]}, SPLITTER: None}
    await apply(target, draft("canary", [], again.inventory))
    assert {at: (each.body, each.owners) for at, each in memory.there.items()} == {
        RESOLVER: ({"subsets": ["old"]}, frozenset())
    }


async def test_what_two_designs_want_alike_stays_until_both_are_gone() -> None:
    """They share it without a conflict; one that wants something else is told who has it."""
    memory = Memory()
    target = MemoryTarget(memory)
    one = await apply(target, draft("one", split("v1")))
    run = await target.dry_run(draft("two", split("v2")))
    assert {each.conflict for each in run.changes} == {"design one of mesh prod"}
    two = await apply(target, draft("two", split("v1")))
    assert two.changes == []
    assert memory.there[RESOLVER].owners == {Owner("default", "prod", "one"), Owner("default", "prod", "two")}
    await apply(target, draft("one", [], one.inventory))
    assert set(memory.there) == {RESOLVER, SPLITTER}
    await apply(target, draft("two", [], two.inventory))
    assert memory.there == {}


async def test_what_is_there_already_exactly_so_is_used_and_left() -> None:
    """Nobody's entry is neither marked nor removed."""
    memory = Memory()
    target = MemoryTarget(memory)
    memory.put(RESOLVER, Marked(body={"subsets": ["v1"]}))
    run = await apply(target, draft("canary", split("v1")))
    assert [each.ref for each in run.changes] == [SPLITTER]
    assert memory.there[RESOLVER].owners == frozenset()
    await apply(target, draft("canary", [], run.inventory))
    assert set(memory.there) == {RESOLVER}
