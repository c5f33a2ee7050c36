"""The status of an Istio mesh, read from its cluster.

Invariant: looking changes nothing; what is published is the mesh as its cluster shows it now.
"""

import datetime
from typing import Any

import msgspec

from meshwright.adapters.istio import detecting, listing
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts.installation import Installation
from meshwright.adapters.istio.charts.profiles import DEFAULT_TRUST_DOMAIN, shown
from meshwright.adapters.istio.detecting import Detected
from meshwright.adapters.istio.operations.places import Place
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.meshes import Condition, Mesh, MeshObserved
from meshwright.schemas.operations import RefreshStatus


@adapter.operation(RefreshStatus)
async def refresh(ctx: kit.Context, _: RefreshStatus) -> dict[str, Any]:
    """Look at the control plane, its webhooks and node agents, and tell what is wrong and what to do."""
    place = await Place.open(ctx)
    record = await place.records.get(place.mesh)
    detected = chosen(await detect(await place.cluster()), record)
    mesh = observed(place.mesh, ctx.command.adapter, detected, record)
    await ctx.runtime.emit(place.mesh.workspace, place.mesh.mesh, MeshObserved(mesh=mesh))
    return {"mesh": msgspec.to_builtins(mesh), "detected": msgspec.to_builtins(detected)}


async def detect(cluster: k8s.Cluster) -> list[Detected]:
    """The meshes of a cluster. Raises KubernetesError."""
    return detecting.detect(await listing.every(cluster, detecting.KINDS))


def chosen(meshes: list[Detected], record: Installation | None) -> Detected | None:
    """The one that is recorded, or the only one."""
    if record:
        wanted = (record.namespace, shown(record.revision))
        return next((each for each in meshes if (each.namespace, each.revision) == wanted), None)
    return meshes[0] if len(meshes) == 1 else None


def observed(mesh: kit.MeshRef, adapter_name: str, detected: Detected | None, record: Installation | None) -> Mesh:
    """A mesh as people see it."""
    missing = Condition(
        type="ControlPlaneReady",
        status="False",
        reason="NotFound",
        message="the cluster has no control plane of this mesh: install it again, or remove the mesh",
    )
    return Mesh(
        id=mesh.mesh,
        kind="istio",
        connection=mesh.connection,
        adapter=adapter_name,
        version=(detected.version if detected else "") or (record.version if record else ""),
        state="ready" if detected and detected.healthy else "degraded",
        trust_domain=(record.trust_domain if record else "") or DEFAULT_TRUST_DOMAIN,
        conditions=detected.conditions if detected else [missing],
        observed_at=datetime.datetime.now(datetime.UTC),
    )
