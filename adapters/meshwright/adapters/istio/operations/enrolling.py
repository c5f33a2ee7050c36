"""Enrolling and withdrawing namespaces and workloads.

    identify-cluster → plan → waypoints → mark → per workload: restart → waypoints that nobody uses → tell

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
from meshwright.adapters.istio.operations.memberships import Plan
from meshwright.adapters.istio.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans
from meshwright.core.kit.kubernetes.enrolment.plans import Left
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads

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
    for each in plan.waypoints:
        await place.ctx.patient_step(
            f"waypoint-{each.namespace}-{each.name}",
            functools.partial(_make_waypoint, place, each),
            undo=functools.partial(_delete_waypoint, place, each),
        )
    result = await plans.carry_out(place.ctx, place.target, plan, joined=joined)
    removed, stay = await _remove_waypoints(place, plan.unused)
    return {
        **result,
        "removed": [str(each.ref) for each in removed],
        "left": [*result["left"], *(plans.left(each) for each in stay)],
    }


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
