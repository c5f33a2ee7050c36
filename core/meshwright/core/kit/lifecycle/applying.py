"""The one way in which a design is applied, removed and rolled back, on every mesh.

    plan → apply (undo: revert) → wait → record-release (undo: retract) → prune (undo: restore) → verify

Invariant: a release is recorded only after the mesh has taken it, and with what its proxies said; each step may run
twice, and another attempt goes on from the plan that the first one kept. Where nothing differs nothing is done, and the
result says so.
"""

from typing import Any

import msgspec

from meshwright.core.kit.context import Context
from meshwright.core.kit.lifecycle import failures, kept, releases
from meshwright.core.kit.lifecycle.planning import Knowledge, Plan, Planner
from meshwright.core.kit.target import MeshRef, Target
from meshwright.schemas.base import Model
from meshwright.schemas.designs import ProxiesTaken


class Outline(Model, frozen=True, kw_only=True):
    """What the history of an operation says of its plan."""

    revision: int
    changes: int
    unchanged: bool = False


async def run(adapter: Knowledge, ctx: Context) -> dict[str, Any]:
    """Carry out a command on a design. Raises Reject when the plan does not fit or the mesh refuses it."""
    mesh = MeshRef.of(ctx.command)
    planner = await Planner.open(adapter, ctx.runtime, ctx.service(object), mesh)
    plans = await kept.design_plans(ctx.runtime)

    async def planned() -> Outline:
        plan = await ctx.patiently(lambda: planner.plan(ctx.command, reserve=True))
        plan.check()
        counts = await kept.store(plans, plan)
        revision = counts.current.revision if counts.unchanged and counts.current else counts.draft.revision
        return Outline(revision=revision, changes=len(plan.dry_run.changes), unchanged=counts.unchanged)

    await ctx.step("plan", planned, result=Outline)
    plan = await plans.load(kept.key(mesh), ctx.command.operation)
    if plan.unchanged and plan.current:
        await ctx.progress(f"nothing to do: revision {plan.current.revision} is applied and stands")
        return {**_result(plan.current.revision, plan.current.id, plan), "unchanged": True}
    return await _carry_out(ctx, planner.target, planner.releases, plan)


async def _carry_out(ctx: Context, target: Target, books: releases.Releases, plan: Plan) -> dict[str, Any]:
    draft, checkpoint, inventory = plan.draft, plan.dry_run.checkpoint, plan.dry_run.inventory
    gone = draft.gone(inventory)

    async def waited() -> ProxiesTaken | None:
        await target.wait(draft, checkpoint, ctx)
        return await target.taken(draft, inventory, checkpoint, ctx) if inventory else None

    async def pruned() -> ProxiesTaken | None:
        await target.prune(draft, gone, checkpoint, ctx)
        return await target.taken(draft, gone, checkpoint, ctx) if gone else None

    async def recorded() -> dict[str, Any]:
        if draft.design is None:
            await books.end(ctx.command, draft.owner, plan.ended)
            return {"revision": 0}
        release = await books.record(ctx.command, draft.design, draft.revision, inventory, proxies)
        return _result(release.revision, release.id, plan)

    async def verified() -> None:
        there = await ctx.patiently(lambda: target.read(inventory))
        if missing := [ref for ref in inventory if ref not in there]:
            raise failures.missing(missing)
        await target.tell(draft, checkpoint, ctx)

    await ctx.step(
        "apply",
        lambda: target.apply(draft, checkpoint, ctx),
        undo=lambda: target.revert(draft, checkpoint, ctx),
        undo_timeout=target.undo_timeout,
    )
    proxies = await ctx.step("wait", waited, result=ProxiesTaken | None)
    result = await ctx.step("record-release", recorded, undo=lambda: books.retract(ctx.command, draft.owner))
    left = await ctx.step(
        "prune",
        pruned,
        undo=lambda: target.restore(draft, gone, checkpoint, ctx),
        undo_timeout=target.undo_timeout,
        result=ProxiesTaken | None,
    )
    await ctx.step("verify", verified)
    last = left or proxies
    return {**result, "proxies": msgspec.to_builtins(last)} if last else dict(result)


def _result(revision: int, release: str, plan: Plan) -> dict[str, Any]:
    inventory = msgspec.to_builtins(plan.dry_run.inventory)
    return {"revision": revision, "release": release, "inventory": inventory}
