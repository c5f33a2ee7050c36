"""Applying, removing and rolling back designs.

Invariant: a release is recorded only after every connected proxy has acknowledged it; when one rejects it, the
desired state goes back to what it was and the operation fails with Envoy's words.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.operations import targets
from meshwright.adapters.envoy.operations.changes import Change
from meshwright.adapters.envoy.operations.targets import Target
from meshwright.adapters.envoy.resources import compiler, diffs
from meshwright.adapters.envoy.state import plans
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.adapters.envoy.state.plans import Plan, Planned
from meshwright.adapters.envoy.state.releases import Releases
from meshwright.core import kit
from meshwright.schemas.designs import ReleaseState
from meshwright.schemas.intents import intent_kind
from meshwright.schemas.operations import ApplyDesign, RemoveDesign, RollbackDesign
from meshwright.schemas.references import ResourceRef


@adapter.operation(ApplyDesign)
async def apply(ctx: kit.Context, arguments: ApplyDesign) -> dict[str, Any]:
    """Make the mesh look like a design and wait until its proxies have acknowledged it."""
    return await _aim(ctx, arguments.design.id, lambda planner: planner.applying(arguments.design))


@adapter.operation(RemoveDesign)
async def remove(ctx: kit.Context, arguments: RemoveDesign) -> dict[str, Any]:
    """Undo everything that a design does on the mesh."""
    return await _aim(ctx, arguments.design, lambda planner: planner.removing(arguments.design), ended="removed")


@adapter.operation(RollbackDesign)
async def rollback(ctx: kit.Context, arguments: RollbackDesign) -> dict[str, Any]:
    """Apply an earlier revision again; before the first one there was nothing."""
    return await _aim(
        ctx,
        arguments.design,
        lambda planner: planner.rolling_back(arguments.design, arguments.revision),
        ended="rolled_back",
    )


async def _aim(
    ctx: kit.Context,
    design: str,
    choose: Callable[[targets.DesignPlanner], Awaitable[Target]],
    ended: ReleaseState = "removed",
) -> dict[str, Any]:
    """Carry out what `choose` decides about a design, and keep the books."""
    change = Change(ctx)
    releases = Releases(change.buckets.releases, ctx.runtime)

    async def plan() -> Plan:
        before = await plans.current(change.buckets, change.key)
        plane = change.plane
        planner = targets.DesignPlanner(
            before,
            plane.states(),
            releases,
            plane.options.first_port,
            lambda specs: change.taken(before, specs),
            plane.reservations,
        )
        target = await choose(planner)
        refused = [adapter.unsupported[kind] for kind in _kinds(target) if kind in adapter.unsupported]
        if refused:
            raise failures.unsupported(refused)
        if any(each.code for each in target.problems):
            raise failures.not_admitted(target.problems)
        if target.problems:
            raise failures.unfit(target.problems)
        return Plan(mesh=change.mesh, before=before, after=target.after, design=target.design, revision=target.revision)

    found = await change.carry_out(plan)

    async def recorded() -> dict[str, Any]:
        return await _record(change, releases, found, design, ended)

    async def retracted() -> None:
        await releases.retract(ctx.command, design)

    result = await ctx.step("record-release", recorded, undo=retracted)
    await change.finish(found)
    return result


def _kinds(target: Target) -> list[str]:
    return [intent_kind(intent) for intent in target.design.intents] if target.design else []


def _inventory(before: DesiredState, after: DesiredState) -> list[ResourceRef]:
    return diffs.inventory(compiler.compile_mesh(before), compiler.compile_mesh(after))


async def _record(
    change: Change, releases: Releases, found: Planned, design: str, ended: ReleaseState
) -> dict[str, Any]:
    plan = await plans.load(change.buckets, change.key, found.plan)
    command = change.ctx.command
    if plan.design is None:
        await releases.end(command, design, ended)
        return {"version": found.version, "revision": 0}
    assert plan.before is not None and plan.after is not None
    inventory = await asyncio.to_thread(_inventory, plan.before, plan.after)
    release = await releases.record(command, plan.design, plan.revision, inventory)
    return {
        "version": found.version,
        "revision": release.revision,
        "release": release.id,
        "inventory": msgspec.to_builtins(inventory),
    }
