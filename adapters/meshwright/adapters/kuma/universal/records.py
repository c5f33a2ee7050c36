"""Which of Kuma's meshes each adopted mesh is, in a bucket of the adapter.

Invariant: a record is written when a mesh is adopted and removed when it is forgotten, and by nobody else.
"""

from typing import Any

import msgspec

from meshwright.adapters.kuma import words
from meshwright.core import kit
from meshwright.core.kit.buckets import Records
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import DetectedMesh


class Record(Model, frozen=True, kw_only=True):
    """One adopted mesh. `version` is what its control plane was then."""

    name: str
    version: str = ""


class AdoptedMeshes(Records[Record]):
    """The records in their bucket."""

    bucket = "meshes"
    type = Record


async def name_of(scope: kit.Scope) -> str:
    """What Kuma calls a mesh. Raises BusUnavailable."""
    known = await (await AdoptedMeshes.open(scope.runtime)).get(scope.mesh)
    return known.name if known else words.DEFAULT_MESH


async def record(scope: kit.Scope, mesh: DetectedMesh) -> dict[str, Any]:
    """Which mesh it is."""
    result: dict[str, Any] = msgspec.to_builtins(Record(name=mesh.revision, version=mesh.version))
    return result


async def read(scope: kit.Scope) -> dict[str, Any] | None:
    """The record of an adopted mesh."""
    known = await (await AdoptedMeshes.open(scope.runtime)).get(scope.mesh)
    result: dict[str, Any] | None = msgspec.to_builtins(known)
    return result


async def write(scope: kit.Scope, known: Any) -> None:
    """Store a record, or remove it."""
    new = msgspec.convert(known, Record) if known is not None else None
    await (await AdoptedMeshes.open(scope.runtime)).put(scope.mesh, new)
