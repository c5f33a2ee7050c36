"""The plan of the newest operation on a mesh, kept so that another attempt can go on or undo it.

Problem: an attempt may end anywhere. Invariant: a plan is made once per operation; of several attempts the first
counts, and it stays until another operation of the mesh makes one.
"""

import zlib
from collections.abc import Callable
from typing import Generic, TypeVar

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.kit.lifecycle import failures, releases
from meshwright.core.kit.lifecycle.planning import Plan
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import DryRun, MeshRef

BUCKET = "design-plans"
_MOST_BYTES = 900_000
"""NATS takes messages of 1 MiB"""
P = TypeVar("P", bound=msgspec.Struct)


class _Kept(msgspec.Struct, frozen=True):
    operation: str
    plan: msgspec.Raw


class KeptPlans(Generic[P]):
    """Plans of one kind in a bucket, one per mesh. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: mwbus.Bucket, kind: type[P]) -> None:
        self._bucket = bucket
        self._kind = kind

    async def store(self, key: str, operation: str, plan: P, check: Callable[[P, int], None]) -> P:
        """Keep a plan as the newest of its mesh; what is given back is what counts.

        A plan that would be kept is checked first: as it will be read, and with its size in bytes. Raises what the
        check raises.
        """
        entry = await self._bucket.get(key)
        if entry and (kept := self._read(entry.value, operation)) is not None:
            return kept
        value = zlib.compress(msgspec.json.encode(_Kept(operation, msgspec.Raw(msgspec.json.encode(plan)))))
        # As a later attempt reads it: a whole number in a float field is written shorter than it is read back.
        kept = self._read(value, operation)
        assert kept is not None
        check(kept, len(value))
        await (self._bucket.update(key, value, entry.revision) if entry else self._bucket.create(key, value))
        return kept

    async def load(self, key: str, operation: str) -> P:
        """The plan of an operation. Raises Reject when it is gone."""
        entry = await self._bucket.get(key)
        kept = self._read(entry.value, operation) if entry else None
        if kept is None:
            raise failures.plan_gone(operation)
        return kept

    async def forget(self, key: str) -> None:
        """The mesh is gone."""
        await self._bucket.delete(key)

    def _read(self, value: bytes, operation: str) -> P | None:
        """The plan, if it is that operation's."""
        kept = msgspec.json.decode(zlib.decompress(value), type=_Kept)
        return msgspec.json.decode(kept.plan, type=self._kind) if kept.operation == operation else None


async def design_plans(runtime: Runtime) -> KeptPlans[Plan]:
    """The plans of the operations on designs. Raises bus.BusUnavailable."""
    return KeptPlans(await runtime.bucket(BUCKET), Plan)


async def store(plans: KeptPlans[Plan], plan: Plan) -> Plan:
    """Keep what a later attempt needs of a plan. Raises Reject when it is too large, bus.BusUnavailable."""
    lean = DryRun(inventory=plan.dry_run.inventory, checkpoint=plan.dry_run.checkpoint)
    needed = msgspec.structs.replace(plan, dry_run=lean, translations=[])
    return await plans.store(key(plan.draft.mesh), plan.draft.operation, needed, _check)


def key(mesh: MeshRef) -> str:
    """Where the plan of a mesh lies."""
    return f"{mesh.workspace}.{mesh.mesh}"


def _check(_: Plan, size: int) -> None:
    if size > _MOST_BYTES:
        raise failures.too_large(_MOST_BYTES)


async def applied_designs(runtime: Runtime, workspace: str, mesh: str) -> list[str]:
    """The names of the designs that are applied to a mesh, sorted. Raises bus.BusUnavailable."""
    books = releases.Releases(await runtime.bucket(releases.BUCKET), runtime)
    applied = [release for place, release in await books.every() if place == workspace and release.mesh == mesh]
    return sorted(release.design.id for release in applied)


async def forget_designs(runtime: Runtime, workspace: str, mesh: str) -> None:
    """Forget the releases and the plan of a mesh that is gone. Raises bus.BusUnavailable."""
    await releases.Releases(await runtime.bucket(releases.BUCKET), runtime).forget(workspace, mesh)
    await (await design_plans(runtime)).forget(f"{workspace}.{mesh}")
