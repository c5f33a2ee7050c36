"""What enrolling or withdrawing means for a cluster as it is, and carrying it out.

    identify-cluster → plan → mark → per workload: restart

Invariant: everything is planned before anything is changed; marks are put back when the operation is taken back, and
what it had restarted is started anew once more. Doing it twice is doing it once.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias

import yaml

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import marking
from meshwright.core.kit.kubernetes.enrolment.rollouts import Restarted, Rollouts
from meshwright.schemas.base import Model
from meshwright.schemas.designs import Preview, ResourceDiff
from meshwright.schemas.references import ResourceRef

Part: TypeAlias = Literal["labels", "annotations"]


class Change(Model, frozen=True, kw_only=True):
    """Marks of one object; None: taken away. Those of a controller are its pods'."""

    ref: ResourceRef
    before: dict[str, str | None]
    after: dict[str, str | None]
    part: Part = "labels"
    in_template: bool = False


class Left(Model, frozen=True, kw_only=True):
    """What goes on as it is, and why."""

    ref: ResourceRef
    because: str


class Plan(Model, frozen=True, kw_only=True):
    """All of it, in order."""

    changes: list[Change] = []
    restarts: list[ResourceRef] = []
    left: list[Left] = []


async def carry_out(
    ctx: kit.Context, planner: Callable[[k8s.Cluster], Awaitable[Plan]], *, joined: bool
) -> dict[str, Any]:
    """Plan and do it, in durable steps. Raises Reject with all that stands in the way, what steps raise."""
    target = k8s.KubernetesTarget(kit.Scope(ctx.runtime, ctx.service(object), kit.MeshRef.of(ctx.command)))

    async def identify() -> str:
        return await (await target.cluster()).identity()

    async def planned() -> Plan:
        return await planner(await target.cluster())

    async def unmark() -> None:
        await _put(target, plan, back=True)
        await rollouts.again(plan.restarts)

    target.expect(await ctx.patient_step("identify-cluster", identify, result=str))
    plan: Plan = await ctx.patient_step("plan", planned, result=Plan)
    rollouts = Rollouts(ctx, target, ctx.command.accepted_at.isoformat())
    if plan.changes:
        what = ", ".join(str(each.ref) for each in plan.changes[:10])
        await ctx.progress(f"{'enrolling' if joined else 'withdrawing'} {what}")
        await ctx.patient_step("mark", functools.partial(_put, target, plan), undo=unmark)
    restarted = await _restart(ctx, rollouts, plan.restarts)
    return {
        "enrolled" if joined else "withdrawn": [str(each.ref) for each in plan.changes],
        "unchanged": not plan.changes and not plan.restarts,
        "restarted": [str(each.ref) for each in restarted if not each.left],
        "left": [
            *({"workload": str(each.ref), "because": each.left} for each in restarted if each.left),
            *({"workload": str(each.ref), "because": each.because} for each in plan.left),
        ],
    }


def preview(plan: Plan) -> Preview:
    """What carrying out a plan would change: marks, and which workloads are started anew."""
    diff = {each.ref: _diff(each) for each in plan.changes}
    for ref in plan.restarts:
        diff.setdefault(ref, ResourceDiff(ref=ref, change="update", after="restarted: true\n"))
    return Preview(translations=[], diff=list(diff.values()))


def _diff(change: Change) -> ResourceDiff:
    was, now = (
        str(yaml.safe_dump({change.part: {key: value for key, value in marks.items() if value is not None}}))
        for marks in (change.before, change.after)
    )
    return ResourceDiff(ref=change.ref, change="update", before=was, after=now)


async def _restart(ctx: kit.Context, rollouts: Rollouts, refs: list[ResourceRef]) -> list[Restarted]:
    """One after the other, each in a step of its own."""
    results: list[Restarted] = []
    for number, ref in enumerate(refs, 1):
        await ctx.progress(f"workload {number} of {len(refs)}", 100 * (number - 1) / len(refs))
        name = f"restart-{ref.namespace}-{ref.kind.lower()}-{ref.name}"
        results.append(await ctx.patient_step(name, functools.partial(rollouts.restart, ref), result=Restarted))
    return results


async def _put(target: k8s.KubernetesTarget, plan: Plan, *, back: bool = False) -> None:
    cluster = await target.cluster()
    for each in plan.changes:
        wanted = each.before if back else each.after
        put = marking.put_in_template if each.in_template else marking.put
        await put(cluster, each.ref, **{"labels": {}, each.part: wanted})
