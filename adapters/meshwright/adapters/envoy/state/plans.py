"""Plans: the desired state before and after an operation, kept until the next operation.

Problem: an attempt may end anywhere and another worker must continue or undo it. Invariant: a plan is made once per
operation and never changed; going forward and back are both writes of one of its two states, and a state that another
writer wrote in between is not overwritten.
"""

from collections.abc import Awaitable, Callable

import msgspec

from meshwright.adapters.envoy import failures
from meshwright.adapters.envoy.state import desired
from meshwright.adapters.envoy.state.buckets import Buckets
from meshwright.adapters.envoy.state.desired import DesiredState
from meshwright.core import kit
from meshwright.core.kit.buckets import Conflict
from meshwright.schemas.errors import FieldError

_MOST_BYTES = 900_000
"""a mesh is one entry, and NATS accepts messages of at most 1 MiB"""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`before` is None for a mesh that is created, `after` for one that is removed."""

    mesh: str
    before: DesiredState | None
    after: DesiredState | None


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """The data with which later steps and attempts find the plan."""

    plan: str
    version: str
    proxies: int


async def store(buckets: Buckets, key: str, operation: str, plan: Plan) -> Planned:
    """Store a plan as the newest of its mesh; of several attempts of one operation the first one's plan is used.

    Raises kit.Reject when the mesh would be too large for its bucket, or bus.BusUnavailable.
    """
    after = (await kit.KeptPlans(buckets.plans, Plan).store(key, operation, plan, _check)).after
    version = desired.version(after) if after else ""
    return Planned(plan=operation, version=version, proxies=len(after.workloads) if after else 0)


def _check(plan: Plan, _: int) -> None:
    if problems := size_problems(plan.after):
        raise kit.unfit(problems)


def size_problems(after: DesiredState | None) -> list[FieldError]:
    """The problem of a mesh that would be too large for its bucket."""
    if after is None or len(desired.encode(after)) <= _MOST_BYTES:
        return []
    return [FieldError(detail=f"the mesh would need more than {_MOST_BYTES} bytes of state")]


async def load(buckets: Buckets, key: str, operation: str) -> Plan:
    """The plan of an operation, which is kept until another operation of the mesh makes one.

    Raises kit.Reject when it no longer exists, or bus.BusUnavailable.
    """
    return await kit.KeptPlans(buckets.plans, Plan).load(key, operation)


async def write(
    buckets: Buckets,
    key: str,
    wanted: DesiredState | None,
    instead_of: DesiredState | None,
    confirm: Callable[[], Awaitable[None]],
) -> None:
    """Write `wanted` as the desired state, if it is `instead_of` or already `wanted`; None means no mesh.

    The entry is written even when it is equal already: its new revision fences a worker that was paused before its
    write. For the same reason `confirm` is called between reading and writing. Raises kit.Retry when the state is
    neither, or bus.BusUnavailable, or what `confirm` raises.
    """
    entry = await buckets.desired.get(key)
    present = _canonical(entry.value) if entry else None
    goal = desired.encode(wanted) if wanted else None
    if present not in (goal, desired.encode(instead_of) if instead_of else None):
        raise failures.meddled(key)
    await confirm()
    try:
        if goal is not None:
            await (buckets.desired.update(key, goal, entry.revision) if entry else buckets.desired.create(key, goal))
        elif entry is not None:
            await buckets.desired.delete(key, entry.revision)
    except Conflict as error:
        raise failures.meddled(key) from error


def _canonical(value: bytes) -> bytes:
    """A state in this version's encoding, though another version may have written it; empty for what is not a state."""
    try:
        return desired.encode(desired.decode(value))
    except msgspec.MsgspecError:
        return b""


async def current(buckets: Buckets, key: str) -> DesiredState:
    """The desired state of a mesh.

    Raises kit.Reject when there is none, or bus.BusUnavailable.
    """
    entry = await buckets.desired.get(key)
    if entry is None:
        raise failures.no_mesh(key.rpartition(".")[2])
    return desired.decode(entry.value)
