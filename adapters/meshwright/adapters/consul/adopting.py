"""Managing a Consul that is there already: Meshwright installs none outside of Kubernetes.

Invariant: a connection has one mesh, that of its server's datacenter; its record says which datacenter that is.
"""

from typing import Any

import msgspec

from meshwright.adapters.consul import status
from meshwright.adapters.consul.control_plane.api import api_of
from meshwright.adapters.consul.records import AdoptedMeshes, Record
from meshwright.core import kit
from meshwright.schemas.meshes import DetectedMesh, Detections


async def detect(scope: kit.ConnectionScope) -> Detections:
    """The mesh of the datacenter in which the server is. Raises Outcome."""
    plane = await status.plane(await api_of(scope))
    notes = []
    if not plane.connect:
        notes.append("the service mesh of this Consul is off: set connect { enabled = true } on its servers")
    mesh = DetectedMesh(
        kind="consul",
        revision=plane.datacenter,
        version=plane.version,
        modes=["sidecar"],
        state="ready" if status.is_ready(plane) else "degraded",
        conditions=status.conditions_of(plane),
    )
    return Detections(meshes=[mesh] if plane.connect else [], notes=notes)


async def record(scope: kit.Scope, mesh: DetectedMesh) -> dict[str, Any]:
    """Which datacenter it is."""
    result: dict[str, Any] = msgspec.to_builtins(Record(datacenter=mesh.revision, version=mesh.version))
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
