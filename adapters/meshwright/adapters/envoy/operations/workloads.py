"""Enrolling and withdrawing workloads, which in this mesh are processes.

Invariant: enrolling an unchanged workload changes nothing; a workload that an intent names cannot be withdrawn or
become another one, since the mesh would then not match its designs.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.adapter import adapter
from meshwright.adapters.envoy.operations.changes import Change
from meshwright.adapters.envoy.state import allocation, desired, occupied, plans, validation
from meshwright.adapters.envoy.state.plans import Plan
from meshwright.core import kit
from meshwright.core.kit.machine import in_thread
from meshwright.schemas.designs import twice_named
from meshwright.schemas.operations import EnrolWorkloads, WithdrawWorkloads
from meshwright.schemas.workloads import AnyEnrolment, AnyMember


@adapter.operation(EnrolWorkloads)
async def enrol(ctx: kit.Context, arguments: EnrolWorkloads) -> dict[str, Any]:
    """Give workloads a sidecar and an identity."""
    change = Change(ctx)

    async def plan() -> Plan:
        before = await plans.current(change.buckets, change.key)
        plane, first = change.plane, change.plane.options.first_port
        _check_kinds(arguments.workloads)
        specs = arguments.processes
        problems = twice_named(specs)
        problems += await occupied.problems(specs, await occupied.taken_from(plane, before, specs), before)
        shown = await asyncio.to_thread(allocation.allocate, plane.states(), before, specs, first)
        problems += validation.left_behind(before, desired.enrol(before, specs, shown))
        if problems:
            raise kit.unfit(problems)
        try:
            ports = await in_thread(allocation.allocate, plane.states(), before, specs, first, plane.reservations)
        except OSError as error:
            raise failures.ports_taken(str(error)) from error
        return Plan(mesh=change.mesh, before=before, after=desired.enrol(before, specs, ports))

    planned = await change.carry_out(plan)
    await change.finish(planned)
    return {"version": planned.version, "proxies": planned.proxies}


@adapter.operation(WithdrawWorkloads)
async def withdraw(ctx: kit.Context, arguments: WithdrawWorkloads) -> dict[str, Any]:
    """Withdraw workloads from the mesh and stop their managed sidecars."""
    change = Change(ctx)

    async def plan() -> Plan:
        before = await plans.current(change.buckets, change.key)
        _check_kinds(arguments.workloads)
        after = desired.withdraw(before, arguments.processes)
        problems = validation.withdrawal_problems(before, after, arguments.processes)
        if problems:
            raise kit.unfit(problems)
        return Plan(mesh=change.mesh, before=before, after=after)

    planned = await change.carry_out(plan)
    await change.finish(planned)
    return {"version": planned.version, "proxies": planned.proxies}


def _check_kinds(members: Iterable[AnyEnrolment | AnyMember]) -> None:
    """Raises kit.Reject for kinds of members that this mesh does not have."""
    if problems := validation.member_problems(members):
        raise kit.unfit(problems)
