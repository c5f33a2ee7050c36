"""The target: where the native resources of a mesh live, behind one protocol for all meshes.

Problem: planning, applying, undoing, pruning and watching are the same everywhere; where resources lie is not.
Invariant: a target knows its mesh and nothing of releases, steps or commands. Every method may run twice without harm,
and `revert` and `restore` need nothing but the draft and the checkpoint that the dry run made.
"""

import abc
import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec

from meshwright.core.kit.runtime import Runtime
from meshwright.schemas.base import Model
from meshwright.schemas.designs import Design, ProxiesTaken
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Resource
from meshwright.schemas.operations import Command
from meshwright.schemas.references import ResourceRef

Body: TypeAlias = dict[str, Any]


class MeshRef(Model, frozen=True, kw_only=True):
    """One mesh, by what its commands name."""

    workspace: str
    connection: str
    mesh: str

    @classmethod
    def of(cls, command: Command) -> "MeshRef":
        """The mesh that a command is about."""
        return cls(workspace=command.workspace, connection=command.connection, mesh=command.mesh)


class Facts(Model, frozen=True, kw_only=True):
    """What an adapter has read of a mesh before translating; each adapter has more fields of its own."""

    version: str = ""
    """of the mesh, for `since`; empty when nobody knows it yet"""
    features: list[str] = []
    problems: list[FieldError] = []
    """what stands against the design, as the mesh is"""


class Draft(Model, frozen=True, kw_only=True):
    """One revision of a design as it shall be on a mesh. `design` is None when nothing of it shall remain."""

    mesh: MeshRef
    owner: str
    """the design's name, as whose the resources are applied"""
    operation: str
    revision: int = 0
    design: Design | None = None
    resources: list[Resource] = []
    """what the intents became, and what the design brings as it is"""
    former: list[ResourceRef] = []
    """the inventory of the release that stands now"""
    take_over: bool = False
    """whether fields that others own are taken from them, as somebody asked for in so many words"""

    def gone(self, inventory: Collection[ResourceRef]) -> list[ResourceRef]:
        """What the release before had and this one has not."""
        return [ref for ref in self.former if ref not in set(inventory)]


class Change(Model, frozen=True, kw_only=True):
    """What would happen to one native resource; None stands for its absence."""

    ref: ResourceRef
    before: Body | None = None
    after: Body | None = None
    conflict: str = ""
    """who else owns it"""


class DryRun(Model, frozen=True, kw_only=True):
    """What applying a draft would do. `checkpoint` is the target's own, and encodable as JSON."""

    changes: list[Change] = []
    problems: list[FieldError] = []
    inventory: list[ResourceRef] = []
    """everything that the revision stands for, changed or not"""
    checkpoint: Any = None


class Attempt(Protocol):
    """What a target may use of the operation that it works for."""

    async def progress(self, message: str, percent: float | None = None) -> None:
        """Tell people what happens now."""

    async def confirm(self) -> None:
        """Make sure that the operation is still this worker's; raises Fenced."""

    async def sleep(self, seconds: float) -> None:
        """Wait; raises Cancelled as soon as somebody asks the operation to stop."""


class Scope(msgspec.Struct, frozen=True):
    """What a target is made with. `service` is what the adapter's `@service` gave."""

    runtime: Runtime
    service: Any
    mesh: MeshRef


class ConnectionScope(msgspec.Struct, frozen=True):
    """One connection, for what looks at all of it. `service` is what the adapter's `@service` gave."""

    runtime: Runtime
    service: Any
    workspace: str
    connection: str


class Target(abc.ABC):
    """Where the native resources of one mesh live. One is made for each attempt, preview and look for drift."""

    watch_every: ClassVar[float] = 5.0
    """seconds between two readings of a target that cannot watch"""

    undo_timeout = 30.0
    """seconds that `revert` and `restore` may take"""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.mesh = scope.mesh

    @abc.abstractmethod
    async def read(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, Body]:
        """What is there now of these resources; raises Reject when there is no such mesh."""

    @abc.abstractmethod
    async def dry_run(self, draft: Draft, *, reserve: bool = False) -> DryRun:
        """What applying would do, without doing it; with `reserve` what `apply` needs for itself is set aside."""

    @abc.abstractmethod
    async def apply(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Create and update, as the draft's owner; nothing is removed yet that others may still use."""

    @abc.abstractmethod
    async def revert(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Take back what `apply` did, also when it did only half of it."""

    @abc.abstractmethod
    async def wait(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:
        """Return when the mesh has taken it; raises Reject with the mesh's own words when it does not."""

    async def taken(
        self, draft: Draft, refs: Collection[ResourceRef], checkpoint: Any, attempt: Attempt
    ) -> ProxiesTaken | None:
        """Wait until proxies have taken what was done to these resources, and say which did; None: the mesh does not.

        Raises Reject with their own words when they refuse it. Proxies that are away are no failure.
        """
        return None

    @abc.abstractmethod
    async def prune(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """Remove what the release before had and this one has not."""

    @abc.abstractmethod
    async def restore(self, draft: Draft, refs: list[ResourceRef], checkpoint: Any, attempt: Attempt) -> None:
        """Take back what `prune` did."""

    async def tell(self, draft: Draft, checkpoint: Any, attempt: Attempt) -> None:  # noqa: B027 - most have nothing
        """Publish what is different now besides the release, as workloads that came with it."""

    async def standing(self, owner: str) -> int | None:
        """The revision of a design that stands on the mesh, 0 for none; None when the mesh does not keep it."""
        return None

    async def watch(self, refs: Collection[ResourceRef]) -> AsyncGenerator[set[ResourceRef], None]:
        """Which of these resources have changed from now on, without end; here by reading them every few seconds.

        Raises Reject when there is no such mesh any more, BusUnavailable.
        """
        before = await self.read(refs)
        while True:
            await asyncio.sleep(self.watch_every)
            now = await self.read(refs)
            if changed := {ref for ref in refs if before.get(ref) != now.get(ref)}:
                yield changed
            before = now

    async def lost(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, list[str]]:
        """Those of these resources that proxies do not hold, although they are as they were applied; which proxies."""
        return {}


def changes(before: Mapping[ResourceRef, Body], after: Mapping[ResourceRef, Body]) -> list[Change]:
    """What differs between two sets of resources, in the order of their references."""
    pairs = ((ref, before.get(ref), after.get(ref)) for ref in sorted(before.keys() | after.keys()))
    return [Change(ref=ref, before=was, after=now) for ref, was, now in pairs if was != now]
