"""Enrolling and withdrawing workloads.

Invariant: enrolling what is enrolled and unchanged changes nothing; a workload that an intent still names
cannot leave or become another, since the mesh would then not do what its designs say.
"""

import asyncio
from typing import Any

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.operations.changes import Change
from meshwright.adapters.envoy.state import allocation, desired, occupied, plans, validation
from meshwright.adapters.envoy.state.plans import Plan
from meshwright.core import kit
from meshwright.schemas.designs import Design, design_problems
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Give workloads a sidecar and an identity."""
    change = Change(ctx)

    async def plan() -> Plan:
        before = await plans.current(change.buckets, change.key)
        plane, first = change.plane, change.plane.options.first_port
        problems = design_problems(Design(id=change.mesh, workloads=arguments.workloads))  # as in a design: names once
        problems += validation.enrolment_problems(plane.states(), before, arguments.workloads)
        problems += await occupied.problems(
            arguments.workloads, await change.taken(before, arguments.workloads), before
        )
        shown = await asyncio.to_thread(allocation.allocate, plane.states(), before, arguments.workloads, first)
        problems += validation.left_behind(before, desired.enrol(before, arguments.workloads, shown))
        if problems:
            raise failures.unfit(problems)
        try:
            ports = await asyncio.to_thread(
                allocation.allocate, plane.states(), before, arguments.workloads, first, plane.reservations
            )
        except OSError as error:
            raise failures.ports_taken(str(error)) from error
        return Plan(mesh=change.mesh, before=before, after=desired.enrol(before, arguments.workloads, ports))

    found = await change.carry_out(plan)
    await change.finish(found)
    return {"version": found.version, "proxies": found.proxies}


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Take workloads out of the mesh and stop their managed sidecars."""
    change = Change(ctx)

    async def plan() -> Plan:
        before = await plans.current(change.buckets, change.key)
        after = desired.withdraw(before, arguments.workloads)
        problems = validation.withdrawal_problems(before, after, arguments.workloads)
        if problems:
            raise failures.unfit(problems)
        return Plan(mesh=change.mesh, before=before, after=after)

    found = await change.carry_out(plan)
    await change.finish(found)
    return {"version": found.version, "proxies": found.proxies}
