"""Kuma's resources as the kit's target wants them.

Problem: Kuma's API has no compare-and-swap. Invariant: a resource is read again just before it is written or removed,
and only one that was not modified since it was planned is touched; between that look and the write another's change of
the same moment could still be lost, which only Kuma could prevent.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.universal import marks
from meshwright.adapters.kuma.universal.api import Api
from meshwright.core.kit.http_control_plane import Entry, Marked
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

KINDS = (
    *("MeshService", "MeshIdentity", "MeshTLS", "MeshTrafficPermission", "MeshHTTPRoute", "MeshRetry", "MeshTimeout"),
    *("MeshCircuitBreaker", "MeshLoadBalancingStrategy", "MeshFaultInjection", "MeshRateLimit", "MeshAccessLog"),
    *("MeshPassthrough", "MeshTCPRoute", "MeshHealthCheck", "MeshProxyPatch", "MeshMetric", "MeshTrace"),
    *("MeshExternalService", "MeshMultiZoneService", "MeshGateway"),
)
"""in the order in which they are written: a route leads to services"""
_OWN = frozenset({"type", "mesh", "name", "labels", "creationTime", "modificationTime", "kri", "status"})
_COMPUTED = (f"{words.GROUP}/", "k8s.kuma.io/")
"""labels that Kuma writes itself"""


class Policies:
    """The resources of one mesh of Kuma's. Methods raise what `Api` does."""

    def __init__(self, api: Api, mesh: str) -> None:
        self._api = api
        self._mesh = mesh

    async def read(self, refs: Collection[ResourceRef]) -> dict[ResourceRef, Entry]:
        """Those of these that are there."""
        found = {}
        for ref in refs:
            if ref.group == words.GROUP and (answer := await self._api.resource(self._mesh, ref.kind, ref.name)):
                found[ref] = entry_of(answer)
        return found

    async def write(self, ref: ResourceRef, entry: Marked, version: str) -> bool:
        """Write one with its marks, if it is still of this version."""
        if not await self._is_still(ref, version):
            return False
        labels = {**entry.body.get("labels", {}), **marks.written(entry)}
        body = {"type": ref.kind, "mesh": self._mesh, "name": ref.name, **entry.body}
        await self._api.put(self._mesh, ref.kind, ref.name, {**body, "labels": labels} if labels else body)
        return True

    async def remove(self, ref: ResourceRef, version: str) -> bool:
        """Remove one, if it is still of this version."""
        if not await self._is_still(ref, version):
            return False
        await self._api.delete(self._mesh, ref.kind, ref.name)
        return True

    def normal(self, ref: ResourceRef, body: dict[str, Any]) -> dict[str, Any]:
        """As Kuma would give it back."""
        return normal(self._mesh, ref, body)

    def problems(self, ref: ResourceRef, body: dict[str, Any]) -> list[FieldError]:
        """What is no resource of this mesh."""
        return [FieldError(detail=f"{ref}: {each}") for each in _problems(self._mesh, ref, body)]

    def rank(self, ref: ResourceRef) -> int:
        """Its place among the kinds."""
        return KINDS.index(ref.kind) if ref.kind in KINDS else len(KINDS)

    def between(self, ref: ResourceRef, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
        """Kuma checks no resource against another, so either will do."""
        return None

    async def _is_still(self, ref: ResourceRef, version: str) -> bool:
        now = await self._api.resource(self._mesh, ref.kind, ref.name)
        return (entry_of(now).version if now else "") == version


def entry_of(answer: Mapping[str, Any]) -> Entry:
    """A resource as Kuma gives it."""
    ref = ResourceRef(group=words.GROUP, kind=str(answer["type"]), name=str(answer["name"]))
    labels = answer.get("labels") or {}
    return Entry(
        body=normal(str(answer.get("mesh", "")), ref, answer),
        owners=marks.owners(labels),
        former=marks.former(labels),
        version=str(answer.get("modificationTime", "")),
        stranger=f"somebody else, by {labels['app.kubernetes.io/managed-by']}"
        if "app.kubernetes.io/managed-by" in labels
        else "somebody else: no design of Meshwright has made it",
    )


def normal(mesh: str, ref: ResourceRef, body: Mapping[str, Any]) -> dict[str, Any]:
    """A resource without what Kuma adds by itself, and without marks."""
    labels = {
        key: value
        for key, value in (body.get("labels") or {}).items()
        if not key.startswith(_COMPUTED) and not marks.is_mark(key)
    }
    rest = {key: value for key, value in body.items() if key not in _OWN}
    named = {"type": ref.kind, "mesh": mesh, "name": ref.name, **({"labels": labels} if labels else {})}
    return {**named, **rest}


def _problems(mesh: str, ref: ResourceRef, body: Mapping[str, Any]) -> Iterator[str]:
    if ref.group != words.GROUP or ref.kind not in KINDS:
        yield f"the type must be {words.GROUP}/KIND, where KIND is one of {', '.join(KINDS)}"
        return
    if body.get("mesh", mesh) != mesh:
        yield f"it is of the mesh {body['mesh']}, and the design of {mesh}"
    if any(marks.is_mark(str(key)) for key in body.get("labels") or {}):
        yield f"labels of {marks.SUFFIX} say whose a resource is, and are written by Meshwright alone"
