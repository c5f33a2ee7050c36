"""Which meshes are at a connection, and which of them Meshwright manages already.

Invariant: a mesh is known by the namespace and the revision of its control plane, as its adapter publishes them; an
adapter only says what is there.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from meshwright.core.kit.status.publishing import Publications, StatusReader
from meshwright.core.kit.target import ConnectionScope, Scope
from meshwright.schemas.meshes import DetectedMesh, Detections, Mesh


class Adoption(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter knows of meshes that others have installed."""

    detect: Callable[[ConnectionScope], Awaitable[Detections]]
    """every mesh of its kinds at a connection; changes nothing"""
    record: Callable[[Scope, DetectedMesh], Awaitable[Any]]
    """what the adapter's operations need to know of a mesh, encodable as JSON; writes nothing"""
    read: Callable[[Scope], Awaitable[Any]]
    """the record of an adopted mesh, None where there is none; raises Reject when the mesh was not adopted"""
    write: Callable[[Scope, Any], Awaitable[None]]
    """stores a record, or removes it (None); may run twice"""
    status: StatusReader


async def detect(adoption: Adoption, scope: ConnectionScope) -> Detections:
    """The meshes of a connection, each with the name under which it is managed. Raises Outcome, bus.BusUnavailable."""
    detections = await adoption.detect(scope)
    published = await (await Publications.open(scope.runtime)).on(scope.workspace, scope.connection)
    meshes = named(
        [msgspec.structs.replace(each, adapter=scope.runtime.adapter) for each in detections.meshes], published
    )
    return msgspec.structs.replace(detections, meshes=meshes)


def named(detected: Iterable[DetectedMesh], published: Iterable[Mesh]) -> list[DetectedMesh]:
    """The same, each with the name of the managed mesh whose control plane it has."""
    names = {(each.kind, *place): each.id for each in published for place in places(each)}
    return [
        msgspec.structs.replace(each, mesh=names.get((each.kind, each.namespace, each.revision), ""))
        for each in detected
    ]


def places(mesh: Mesh) -> set[tuple[str, str]]:
    """Namespace and revision of each control plane of a managed mesh; none while these are not known."""
    if not mesh.namespace and not mesh.revisions:
        return set()
    return {(mesh.namespace, each) for each in mesh.revisions or [""]}
