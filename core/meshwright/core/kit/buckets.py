"""What an adapter keeps beside the streams: buckets, the errors of the bus, and records of meshes in a bucket.

Invariant: the buckets are the bus's own class, and come from `Runtime.bucket` alone, under the adapter's name. A record
is written only over the one that was read, and one that says the same is not written again.
"""

from typing import ClassVar, Generic, Self, TypeVar

import msgspec

from meshwright.core.bus import Bucket, BusError, BusUnavailable, Change, Conflict, Entry, until_available
from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.target import MeshRef

__all__ = ["Bucket", "BusError", "BusUnavailable", "Change", "Conflict", "Entry", "Records", "until_available"]
R = TypeVar("R", bound=msgspec.Struct)


class Records(Generic[R]):
    """What is remembered of each mesh; a subclass names the bucket and the type. Methods raise BusUnavailable."""

    bucket: ClassVar[str]
    type: ClassVar[type[msgspec.Struct]]

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    @classmethod
    async def open(cls, runtime: Runtime) -> Self:
        """Those of this adapter."""
        return cls(await runtime.bucket(cls.bucket))

    async def get(self, mesh: MeshRef) -> R | None:
        """The record of a mesh; None when there is none."""
        entry = await self._bucket.get(_key(mesh))
        record: R | None = msgspec.json.decode(entry.value, type=self.type) if entry else None  # type: ignore[assignment]  # `type` is R's
        return record

    async def put(self, mesh: MeshRef, record: R | None) -> None:
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


def _key(mesh: MeshRef) -> str:
    return f"{mesh.workspace}.{mesh.mesh}"
