"""The target of an Envoy mesh: its desired state, from which every proxy's snapshot is compiled.

Invariant: applying writes the desired state and starts sidecars, waiting waits for the proxies' ACKs; a difference is
between the snapshots that proxies would receive.
"""

import asyncio
from collections.abc import AsyncGenerator, Collection, Mapping
from typing import Any

import msgspec

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.operations.effects import Applied, Effects
from meshwright.adapters.envoy.resources import compiler, diffs
from meshwright.adapters.envoy.state import allocation, desired, identity, occupied, plans, validation
from meshwright.adapters.envoy.state.desired import DesiredState, Ports
from meshwright.adapters.envoy.state.plans import Plan
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import kit
from meshwright.core.kit.machine import in_thread
from meshwright.schemas.designs import ProxiesTaken
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

Body = dict[str, Any]
_LOOK_S = 0.5
_SHOWN = 20
_BEHIND = ("rejected", "stale", "not_sent")
"""states of proxies that are connected and do not have what they should"""


class EnvoyFacts(kit.Facts, frozen=True, kw_only=True):
    """The mesh with the design in it, because its intents may name the workloads that the design enrols."""

    state: DesiredState


class EnvoyTarget(kit.Target):
    """One Envoy mesh. Methods raise kit.Reject when there is no such mesh, or bus.BusUnavailable."""

    def __init__(self, scope: kit.Scope) -> None:
        super().__init__(scope)
        self._plane: ControlPlane = scope.service
        self._key = identity.mesh_key(self.mesh.workspace, self.mesh.mesh)
        self._applied: Applied | None = None

    async def facts(self, draft: kit.Draft) -> EnvoyFacts:
        """The mesh for translators; its version is that of its oldest proxies."""
        before = await self._now()
        after = await self._after(before, draft, reserve=False)
        seen = {self._plane.status(after.node(name)).proxy_version for name in after.workloads}
        return EnvoyFacts(version=", ".join(sorted(seen - {""})), state=after)

    async def standing(self, owner: str) -> int | None:
        """The revision of the design in the desired state."""
        applied = (await self._now()).designs.get(owner)
        return applied.revision if applied else 0

    async def read(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, Body]:
        """Those resources that proxies should have now."""
        there = await asyncio.to_thread(_bodies, await self._now())
        return {ref: there[ref] for ref in refs if ref in there}

    async def dry_run(self, draft: kit.Draft, *, reserve: bool = False) -> kit.DryRun:
        """What proxies would receive, and the problems; with `reserve` sidecars' ports are reserved."""
        before = await self._now()
        after = await self._after(before, draft, reserve=False)
        # in threads, so that a large design does not block the worker's loop
        problems = await self._problems(before, after, draft)
        if reserve and not problems:
            after = await self._after(before, draft, reserve=True)
        changes, inventory = await asyncio.to_thread(_compared, before, after, draft.owner)
        plan = Plan(mesh=self.mesh.mesh, before=before, after=after)
        return kit.DryRun(changes=changes, problems=problems, inventory=inventory, checkpoint=msgspec.to_builtins(plan))

    async def apply(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Write the desired state and start its sidecars."""
        effects = self._effects(checkpoint, attempt)
        await effects.write()
        if effects.needs_sidecars:
            await effects.start_sidecars()

    async def revert(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Write the former state, and stop sidecars that it does not have."""
        effects = self._effects(checkpoint, attempt)
        await effects.stop_new_sidecars()
        await effects.unwrite()

    async def wait(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Wait for every connected proxy; raises kit.Reject with Envoy's error when one rejects it."""
        effects = self._effects(checkpoint, attempt)
        self._applied = await effects.agree()
        if effects.tightened:
            await effects.close_plain_connections()

    async def taken(
        self, draft: kit.Draft, refs: Collection[ResourceRef], checkpoint: Any, attempt: kit.Attempt
    ) -> ProxiesTaken | None:
        """What they answered when they were waited for."""
        answers = self._applied
        if answers is None:
            return None
        behind = [*answers.absent, *answers.blocked]
        return ProxiesTaken(sent=answers.acked + len(behind), taken=answers.acked, behind=behind[:_SHOWN])

    async def prune(self, draft: kit.Draft, refs: list[ResourceRef], checkpoint: Any, attempt: kit.Attempt) -> None:
        """Stop the sidecars of workloads that were removed with the former revision; their resources were removed
        with the state.
        """
        await self._effects(checkpoint, attempt).stop_old_sidecars()

    async def restore(self, draft: kit.Draft, refs: list[ResourceRef], checkpoint: Any, attempt: kit.Attempt) -> None:
        """Start them again."""
        await self._effects(checkpoint, attempt).restart_old_sidecars()

    async def tell(self, draft: kit.Draft, checkpoint: Any, attempt: kit.Attempt) -> None:
        """Publish which workloads were added and removed with the revision."""
        await self._effects(checkpoint, attempt).tell()

    async def watch(self, refs: Collection[ResourceRef]) -> AsyncGenerator[set[ResourceRef], None]:
        """All of them, whenever the desired state or the status of a proxy has changed.

        The control plane follows both, so this reads its memory.
        """
        before = self._seen()
        while True:
            await asyncio.sleep(_LOOK_S)
            now = self._seen()
            if now != before:
                yield set(refs)
            before = now

    async def lost(self, refs: Collection[ResourceRef]) -> Mapping[ResourceRef, list[str]]:
        """The resources of proxies that rejected the desired state, or have not acknowledged it; shared ones are
        listed for each.
        """
        _, behind = self._seen()
        missing: dict[ResourceRef, list[str]] = {}
        for ref in refs:
            workload, slash, _ = ref.name.partition("/")
            if proxies := sorted(behind & {workload} if slash else behind):
                missing[ref] = proxies
        return missing

    def _served(self) -> DesiredState | None:
        """The desired state that the control plane serves."""
        here = (self.mesh.workspace, self.mesh.mesh)
        return next((each for each in self._plane.states() if (each.workspace, each.mesh) == here), None)

    def _seen(self) -> tuple[str, frozenset[str]]:
        """The values that a change of the mesh changes: the version of its state, and the proxies that lag behind
        it.
        """
        state = self._served()
        if state is None:
            return "", frozenset()
        behind = (name for name in state.workloads if self._plane.status(state.node(name)).state in _BEHIND)
        return desired.version(state), frozenset(behind)

    async def _now(self) -> DesiredState:
        return await plans.current(self._plane.buckets, self._key)

    async def _after(self, before: DesiredState, draft: kit.Draft, *, reserve: bool) -> DesiredState:
        if draft.design is None:
            return desired.remove_design(before, draft.owner)
        states, first = self._plane.states(), self._plane.options.first_port
        try:
            ports: dict[str, Ports] = await in_thread(
                allocation.allocate,
                states,
                before,
                draft.design.workloads,
                first,
                self._plane.reservations,
                reserve=reserve,
            )
        except OSError as error:
            raise failures.ports_taken(str(error)) from error
        return desired.apply_design(before, draft.design, draft.revision, ports)

    async def _problems(self, before: DesiredState, after: DesiredState, draft: kit.Draft) -> list[FieldError]:
        problems = plans.size_problems(after)
        if draft.design is None:
            return [*problems, *validation.left_behind(before, after, besides=draft.owner)]
        specs = draft.design.workloads
        problems += await occupied.problems(specs, await occupied.taken_from(self._plane, before, specs), before)
        problems += await asyncio.to_thread(validation.problems, after, draft.design)
        return problems + await asyncio.to_thread(validation.left_behind, before, after, draft.owner)

    def _effects(self, checkpoint: Any, attempt: kit.Attempt) -> Effects:
        return Effects(self._plane, msgspec.convert(checkpoint, Plan), self.mesh.workspace, attempt)


def _compared(before: DesiredState, after: DesiredState, owner: str) -> tuple[list[kit.Change], list[ResourceRef]]:
    """The changes of the resources of proxies, and the resources that belong to a design."""
    now = _bodies(after)
    own = kit.changes(_bodies(desired.remove_design(after, owner)), now) if owner in after.designs else []
    return kit.changes(_bodies(before), now), [each.ref for each in own if each.after is not None]


def _bodies(state: DesiredState) -> dict[ResourceRef, Body]:
    return diffs.bodies(compiler.compile_mesh(state))
