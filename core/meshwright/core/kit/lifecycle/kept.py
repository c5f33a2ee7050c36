"""The plan of the newest operation on a mesh, kept so that another attempt can go on or undo it.

Problem: an attempt may end anywhere. Invariant: a plan is made once per operation; of several attempts the first
counts, and it stays until another operation of the mesh makes one.
"""

import zlib

import msgspec

from meshwright.core import bus as mwbus
from meshwright.core.kit.lifecycle import failures
from meshwright.core.kit.lifecycle.planning import Plan
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import DryRun, MeshRef
from meshwright.schemas.base import Model

BUCKET = "design-plans"
_MOST_BYTES = 900_000
"""NATS takes messages of 1 MiB"""


class _Kept(Model, frozen=True, kw_only=True):
    operation: str
    plan: Plan


class Plans:
    """The plans of one adapter. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: mwbus.Bucket) -> None:
        self._bucket = bucket

    @classmethod
    async def open(cls, runtime: Runtime) -> "Plans":
        """Those of the adapter that runs here."""
        return cls(await runtime.bucket(BUCKET))

    async def store(self, plan: Plan) -> Plan:
        """Keep a plan; what is given back is what counts. Raises Reject when it is too large."""
        entry = await self._bucket.get(_key(plan.draft.mesh))
        kept = _read(entry.value) if entry else None
        if kept is not None and kept.operation == plan.draft.operation:
            return kept.plan
        lean = DryRun(inventory=plan.dry_run.inventory, checkpoint=plan.dry_run.checkpoint)
        needed = msgspec.structs.replace(plan, dry_run=lean, translations=[])
        value = zlib.compress(msgspec.json.encode(_Kept(operation=plan.draft.operation, plan=needed)))
        if len(value) > _MOST_BYTES:
            raise failures.too_large(_MOST_BYTES)
        key = _key(plan.draft.mesh)
        await (self._bucket.update(key, value, entry.revision) if entry else self._bucket.create(key, value))
        return _read(value).plan  # as a later attempt reads it

    async def load(self, mesh: MeshRef, operation: str) -> Plan:
        """The plan of an operation. Raises Reject when it is gone."""
        entry = await self._bucket.get(_key(mesh))
        kept = _read(entry.value) if entry else None
        if kept is None or kept.operation != operation:
            raise failures.plan_gone(operation)
        return kept.plan

    async def forget(self, mesh: MeshRef) -> None:
        """The mesh is gone."""
        await self._bucket.delete(_key(mesh))


def _key(mesh: MeshRef) -> str:
    return f"{mesh.workspace}.{mesh.mesh}"


def _read(value: bytes) -> _Kept:
    return msgspec.json.decode(zlib.decompress(value), type=_Kept)
