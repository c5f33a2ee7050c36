"""What enrolling or withdrawing means for a cluster as it is, and carrying it out.

    identify-cluster → plan → mark → per workload: restart

Invariant: everything is planned before anything is changed; marks are put back when the operation is taken back, and
what it had restarted is started anew once more. Doing it twice is doing it once.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, TypeAlias

import yaml

from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import marking
from meshwright.core.kit.kubernetes.enrolment.marking import Marks
from meshwright.core.kit.kubernetes.enrolment.rollouts import Rollouts
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


def change(
    ref: ResourceRef, before: Marks, after: Marks, part: Part = "labels", *, in_template: bool = False
) -> Change:
    """The change of some marks of an object, which has all of these `before`."""
    was = {key: before.get(key) for key in after}
    return Change(ref=ref, before=was, after=dict(after), part=part, in_template=in_template)


async def take(ctx: kit.Context, planner: Callable[[k8s.Cluster], Awaitable[Plan]], *, joined: bool) -> dict[str, Any]:
    """Plan and do it, in durable steps. Raises Reject with all that stands in the way, what steps raise."""
    target = k8s.KubernetesTarget(kit.Scope(ctx.runtime, ctx.service(object), kit.MeshRef.of(ctx.command)))

    async def identify() -> str:
        return await (await target.cluster()).identity()

    async def planned() -> Plan:
        return await planner(await target.cluster())

    target.expect(await ctx.patient_step("identify-cluster", identify, result=str))
    return await carry_out(ctx, target, await ctx.patient_step("plan", planned, result=Plan), joined=joined)


async def carry_out(ctx: kit.Context, target: k8s.KubernetesTarget, plan: Plan, *, joined: bool) -> dict[str, Any]:
    """Do what was planned, in durable steps, and tell what became of it. Raises what steps raise."""

    async def unmark() -> None:
        await put(await target.cluster(), plan.changes, back=True)
        await rollouts.again(plan.restarts)

    async def mark() -> None:
        await put(await target.cluster(), plan.changes)

    rollouts = Rollouts(ctx, target, ctx.command.accepted_at.isoformat())
    if plan.changes:
        what = ", ".join(str(each.ref) for each in plan.changes[:10])
        await ctx.progress(f"{'enrolling' if joined else 'withdrawing'} {what}")
        await ctx.patient_step("mark", mark, undo=unmark)
    restarted = await rollouts.restart_all(plan.restarts)
    return {
        "enrolled" if joined else "withdrawn": [str(each.ref) for each in plan.changes],
        "unchanged": not plan.changes and not plan.restarts,
        "restarted": [str(each.ref) for each in restarted if not each.left],
        "left": [
            *({"workload": str(each.ref), "because": each.left} for each in restarted if each.left),
            *(left(each) for each in plan.left),
        ],
    }


def left(what: Left) -> dict[str, str]:
    """What goes on as it is, as results tell it."""
    return {"workload": str(what.ref), "because": what.because}


async def put(cluster: k8s.Cluster, changes: Sequence[Change], *, back: bool = False) -> None:
    """Set marks, or put them back. Raises KubernetesError."""
    for each in changes:
        wanted = each.before if back else each.after
        write = marking.put_in_template if each.in_template else marking.put
        await write(cluster, each.ref, **{"labels": {}, each.part: wanted})


def preview(plan: Plan, *more: ResourceDiff) -> Preview:
    """What carrying out a plan would change: marks, which workloads are started anew, and what comes with it."""
    diff = {each.ref: _diff(each) for each in plan.changes} | {each.ref: each for each in more}
    for ref in plan.restarts:
        diff.setdefault(ref, ResourceDiff(ref=ref, change="update", after="restarted: true\n"))
    return Preview(translations=[], diff=list(diff.values()))


def _diff(change: Change) -> ResourceDiff:
    was, now = (
        str(yaml.safe_dump({change.part: {key: value for key, value in marks.items() if value is not None}}))
        for marks in (change.before, change.after)
    )
    return ResourceDiff(ref=change.ref, change="update", before=was, after=now)
