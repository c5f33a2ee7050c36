"""What an operation on a design aims at: the state of the mesh afterwards, and what stands against it.

Invariant: the preview and the operation ask here, so what is shown beforehand is what will be done.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

import msgspec

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.state import allocation, desired, occupied, validation
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.releases import Releases
from meshwright.schemas.designs import Design
from meshwright.schemas.errors import FieldError
from meshwright.schemas.workloads import WorkloadSpec


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """`design` is None when nothing of the design remains."""

    after: DesiredState
    design: Design | None = None
    revision: int = 0
    problems: list[FieldError] = []


class DesignPlanner:
    """Makes targets for one mesh. `states` are those of all meshes, for the ports that they hold.

    `taken` gives the places that workloads cannot have. Without `reservations` the targets are only shown.
    """

    def __init__(
        self,
        before: DesiredState,
        states: Collection[DesiredState],
        releases: Releases,
        first_port: int,
        taken: Callable[[list[WorkloadSpec]], Awaitable[Mapping[occupied.Place, str]]],
        reservations: allocation.Reservations | None = None,
    ) -> None:
        self.before = before
        self._states = states
        self._releases = releases
        self._first_port = first_port
        self._taken = taken
        self._reservations = reservations

    async def applying(self, design: Design) -> Target:
        """The mesh with this design as its next revision."""
        before = self.before
        history = await self._releases.history(before.workspace, before.mesh, design.id)
        applied = before.designs.get(design.id)
        revision = max(history.last_revision, applied.revision if applied else 0) + 1
        problems = await occupied.problems(design.workloads, await self._taken(design.workloads), before)
        after = desired.apply_design(before, design, revision, await self._ports(design, None))
        # In a thread, so that a large design does not hold up whatever else the worker does.
        problems += await asyncio.to_thread(validation.problems, after, design)
        problems += await asyncio.to_thread(validation.left_behind, before, after, design.id)
        if self._reservations and not problems:
            after = desired.apply_design(before, design, revision, await self._ports(design, self._reservations))
        return Target(after=after, design=design, revision=revision, problems=problems)

    async def _ports(self, design: Design, reservations: allocation.Reservations | None) -> dict[str, desired.Ports]:
        return await asyncio.to_thread(
            allocation.allocate, self._states, self.before, design.workloads, self._first_port, reservations
        )

    async def removing(self, name: str) -> Target:
        """The mesh without the design.

        Raises kit.Reject when it is not applied.
        """
        if name not in self.before.designs:
            raise failures.no_design(f"the design {name} is not applied to {self.before.mesh}")
        after = desired.remove_design(self.before, name)
        return Target(after=after, problems=validation.left_behind(self.before, after, besides=name))

    async def rolling_back(self, name: str, revision: int | None) -> Target:
        """The mesh with an earlier revision, by default the one before the current; before the first was nothing.

        Raises kit.Reject when the design or that revision is not there.
        """
        applied = self.before.designs.get(name)
        if applied is None:
            raise failures.no_design(f"the design {name} is not applied to {self.before.mesh}")
        history = await self._releases.history(self.before.workspace, self.before.mesh, name)
        if revision is None:
            earlier = [each.revision for each in history.releases if each.revision < applied.revision]
            if not earlier:
                return await self.removing(name)
            revision = max(earlier)
        release = history.revision(revision)
        if release is None:
            raise failures.no_design(f"revision {revision} of {name} does not exist, or is no longer kept")
        return await self.applying(release.design)
