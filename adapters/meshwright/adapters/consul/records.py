"""What is known of each adopted mesh, in a bucket of the adapter.

Invariant: a record is written when a mesh is adopted and removed when it is forgotten, and by nobody else.
"""

import msgspec

from meshwright.core import kit
from meshwright.core.kit.buckets import Bucket
from meshwright.schemas.base import Model

BUCKET = "meshes"


class Record(Model, frozen=True, kw_only=True):
    """One adopted mesh. `version` is what it was then."""

    datacenter: str
    version: str = ""


class Records:
    """The records in their bucket. Methods raise bus.BusUnavailable."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @classmethod
    async def open(cls, runtime: kit.Runtime) -> "Records":
        """Those of this adapter."""
        return cls(await runtime.bucket(BUCKET))

    async def get(self, mesh: kit.MeshRef) -> Record | None:
        """The record of a mesh; None when it was not adopted."""
        entry = await self._bucket.get(_key(mesh))
        return msgspec.json.decode(entry.value, type=Record) if entry else None

    async def put(self, mesh: kit.MeshRef, record: Record | None) -> None:
        """Write the record of a mesh; None: it is gone."""
        entry = await self._bucket.get(_key(mesh))
        if record is None:
            if entry:
                await self._bucket.delete(_key(mesh))
            return
        value = msgspec.json.encode(record)
        if entry is None:
            await self._bucket.create(_key(mesh), value)
        elif entry.value != value:
            await self._bucket.update(_key(mesh), value, entry.revision)


def _key(mesh: kit.MeshRef) -> str:
    return f"{mesh.workspace}.{mesh.mesh}"
