"""What one operation changes: the desired state before and after, kept until the operation has ended.

Problem: an attempt may end anywhere and another worker has to go on or undo it. Invariant: a plan is made once
per operation and never changed; going forward and back are both a matter of writing one of its two states,
and a state that a stranger wrote in between is not overwritten.
"""

import msgspec

from meshwright.adapters.envoy import desired, failures
from meshwright.adapters.envoy.buckets import Buckets
from meshwright.adapters.envoy.desired import DesiredState
from meshwright.core import bus as mwbus
from meshwright.schemas.designs import Design


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`before` is None for a mesh that is made, `after` for one that goes."""

    mesh: str
    before: DesiredState | None
    after: DesiredState | None
    design: Design | None = None
    """the design that `after` has as `revision`, when the operation is about one"""
    revision: int = 0


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """What later steps and attempts need in order to find the plan."""

    plan: str
    version: str
    proxies: int


async def store(buckets: Buckets, operation: str, plan: Plan) -> Planned:
    """Keep a plan under its operation; of several attempts the first one counts.

    Raises bus.BusUnavailable.
    """
    value = msgspec.json.encode(plan)
    # As it will be read: a whole number in a float field is written shorter than it is read back.
    plan = msgspec.json.decode(value, type=Plan)
    try:
        await buckets.plans.create(operation, value)
    except mwbus.Conflict:
        plan = await load(buckets, operation)
    version = desired.version(plan.after) if plan.after else ""
    count = len(plan.after.workloads) if plan.after else 0
    return Planned(plan=operation, version=version, proxies=count)


async def load(buckets: Buckets, operation: str) -> Plan:
    """The plan of an operation.

    Raises kit.Reject when it is gone, or bus.BusUnavailable.
    """
    entry = await buckets.plans.get(operation)
    if entry is None:
        raise failures.plan_gone(operation)
    return msgspec.json.decode(entry.value, type=Plan)


async def write(buckets: Buckets, key: str, wanted: DesiredState | None, instead_of: DesiredState | None) -> None:
    """Make `wanted` the desired state, if it is `instead_of` or already `wanted`; None means no mesh.

    Raises kit.Retry when the state is neither, or bus.BusUnavailable.
    """
    entry = await buckets.desired.get(key)
    present = entry.value if entry else None
    goal = desired.encode(wanted) if wanted else None
    if present == goal:
        return
    if present != (desired.encode(instead_of) if instead_of else None):
        raise failures.meddled(key)
    try:
        if goal is None:
            await buckets.desired.delete(key)
        elif entry is None:
            await buckets.desired.create(key, goal)
        else:
            await buckets.desired.update(key, goal, entry.revision)
    except mwbus.Conflict as error:
        raise failures.meddled(key) from error


async def current(buckets: Buckets, key: str) -> DesiredState:
    """The desired state of a mesh.

    Raises kit.Reject when there is none, or bus.BusUnavailable.
    """
    return await present(buckets.desired, key)


async def present(bucket: mwbus.Bucket, key: str) -> DesiredState:
    """As `current`, for those who have only the bucket."""
    entry = await bucket.get(key)
    if entry is None:
        raise failures.no_mesh(key.rpartition(".")[2])
    return desired.decode(entry.value)
