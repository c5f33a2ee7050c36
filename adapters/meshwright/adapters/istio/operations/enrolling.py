"""Enrolling and withdrawing namespaces and workloads.

    identify-cluster → plan → waypoints → label → per workload: restart → waypoints that nobody uses → tell

Invariant: labels are put back when the operation is taken back, and what it had restarted is started anew once more;
a waypoint that it had removed takes traffic again before labels lead to it. Enrolling what is enrolled changes nothing.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Any

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.enrolment import waypoints
from meshwright.adapters.istio.operations import failures, memberships
from meshwright.adapters.istio.operations.memberships import Left, Plan
from meshwright.adapters.istio.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import marking as labels
from meshwright.core.kit.kubernetes.enrolment.rollouts import Restarted, Rollouts
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads
from meshwright.schemas.references import ResourceRef

WAYPOINT_SECONDS = 120.0
_LOOK = 1.0
_Hindrance = Callable[[k8s.Cluster, str, str], Awaitable[str]]


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Have namespaces or workloads take part, with sidecars or ambient; restarted when asked, one by one."""
    place = await Place.open(ctx)

    async def plan() -> Plan:
        return await memberships.joining(await place.cluster(), place.record, arguments.workloads)

    return await _carry_out(place, await ctx.patient_step("plan", plan, result=Plan), joined=True)


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Take namespaces or workloads out of the mesh; restarted when asked, one by one."""
    place = await Place.open(ctx)

    async def plan() -> Plan:
        return await memberships.leaving(await place.cluster(), arguments.workloads)

    return await _carry_out(place, await ctx.patient_step("plan", plan, result=Plan), joined=False)


async def _carry_out(place: Place, plan: Plan, *, joined: bool) -> dict[str, Any]:
    ctx = place.ctx
    rollouts = Rollouts(ctx, place.target, ctx.command.accepted_at.isoformat())
    for each in plan.waypoints:
        await ctx.patient_step(
            f"waypoint-{each.namespace}-{each.name}",
            functools.partial(_make_waypoint, place, each),
            undo=functools.partial(_delete_waypoint, place, each),
        )
    if plan.changes:
        what = ", ".join(str(each.ref) for each in plan.changes[:10])
        await ctx.progress(f"{'enrolling' if joined else 'withdrawing'} {what}")
        await ctx.patient_step(
            "label",
            functools.partial(_label, place, plan, back=False),
            undo=functools.partial(_unlabel, place, plan, rollouts),
        )
    restarted = await restart_all(place, rollouts, plan.restarts)
    removed, left = await _remove_waypoints(place, plan.unused)
    return {
        "enrolled" if joined else "withdrawn": [str(each.ref) for each in plan.changes],
        "unchanged": not plan.changes and not plan.restarts,
        "restarted": [str(each.ref) for each in restarted if not each.left],
        "removed": [str(each.ref) for each in removed],
        "left": [
            *({"workload": str(each.ref), "because": each.left} for each in restarted if each.left),
            *({"workload": str(each.ref), "because": each.because} for each in [*plan.left, *left]),
        ],
    }


async def restart_all(place: Place, rollouts: Rollouts, refs: list[ResourceRef]) -> list[Restarted]:
    """Restart workloads one after the other, each in a step of its own."""
    results = []
    for number, ref in enumerate(refs, 1):
        await place.ctx.progress(f"workload {number} of {len(refs)}", 100 * (number - 1) / len(refs))
        name = f"restart-{ref.namespace}-{ref.kind.lower()}-{ref.name}"
        action = functools.partial(rollouts.restart, ref)
        results.append(await place.ctx.patient_step(name, action, result=Restarted))
    return results


async def _label(place: Place, plan: Plan, *, back: bool) -> None:
    cluster = await place.cluster()
    for each in plan.changes:
        wanted = each.before if back else each.after
        if each.in_template:
            await labels.put_in_template(cluster, each.ref, wanted)
        else:
            await labels.put(cluster, each.ref, wanted)


async def _unlabel(place: Place, plan: Plan, rollouts: Rollouts) -> None:
    await _label(place, plan, back=True)
    await rollouts.again(plan.restarts)


async def _make_waypoint(place: Place, wanted: memberships.Waypoint) -> None:
    """Returns when it takes traffic. Raises Reject when it does not in time."""
    await _until_none(place, wanted, waypoints.remains)
    await waypoints.make(await place.cluster(), wanted.namespace, wanted.name, wanted.revision)
    await _until_none(place, wanted, waypoints.obstacle)


async def _until_none(place: Place, wanted: memberships.Waypoint, hindrance: _Hindrance) -> None:
    end, reported = asyncio.get_running_loop().time() + WAYPOINT_SECONDS, ""
    while because := await hindrance(await place.cluster(), wanted.namespace, wanted.name):
        if asyncio.get_running_loop().time() > end:
            raise failures.no_waypoint(wanted.ref, because)
        if because != reported:
            reported = because
            await place.ctx.progress(f"waiting for the waypoint {wanted.namespace}/{wanted.name}: {because}")
        await place.ctx.sleep(_LOOK)


async def _delete_waypoint(place: Place, made: memberships.Waypoint) -> None:
    await (await place.cluster()).delete(made.ref)


async def _remove_waypoints(
    place: Place, unused: list[memberships.Waypoint]
) -> tuple[list[memberships.Waypoint], list[Left]]:
    """Remove waypoints that nobody uses: those that went, and those that stay after all."""
    removed, left = [], []
    for each in unused:
        await place.ctx.progress(f"removing the waypoint {each.namespace}/{each.name}, which nobody uses any more")
        because = await place.ctx.patient_step(
            f"remove-waypoint-{each.namespace}-{each.name}",
            functools.partial(_remove_waypoint, place, each),
            undo=functools.partial(_make_waypoint, place, each),
            result=str,
        )
        if because:
            left.append(Left(ref=each.ref, because=f"the waypoint stays: {because}"))
        else:
            removed.append(each)
    return removed, left


async def _remove_waypoint(place: Place, unused: memberships.Waypoint) -> str:
    """Remove a waypoint, unless somebody has begun to use or to manage it meanwhile: then why it stays."""
    cluster = await place.cluster()
    live = await cluster.find(unused.ref)
    if live is None:
        return ""
    if because := await waypoints.needed_because(cluster, live):
        return because
    try:
        await cluster.delete(unused.ref, uid=unused.uid)
    except k8s.Conflict:
        return "another one of this name was made meanwhile"
    return ""
