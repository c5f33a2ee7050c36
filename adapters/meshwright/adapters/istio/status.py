"""The status of an Istio mesh, read from its cluster and from its istiods.

Invariant: looking changes nothing; what is given is the mesh as its cluster shows it now.
"""

import datetime

import msgspec

from meshwright.adapters.istio import detecting, listing
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts.installation import Installation, Installations
from meshwright.adapters.istio.charts.profiles import DEFAULT_TRUST_DOMAIN, shown
from meshwright.adapters.istio.detecting import Detected
from meshwright.adapters.istio.proxies import reading
from meshwright.adapters.istio.proxies.conditions import conditions
from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import clusters
from meshwright.schemas.meshes import Condition, Mesh


@adapter.status
async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the control plane, its webhooks, node agents and proxies, and tell what is wrong and what to do."""
    mesh = scope.mesh
    record = await (await Installations.open(scope.runtime)).get(mesh)
    cluster = await clusters.clusters_of(scope.service).get(mesh.workspace, mesh.connection)
    detected = chosen(await detect(cluster), record)
    known = await _proxies(cluster, mesh.mesh, detected) if detected else Reading()
    return kit.MeshStatus(
        mesh=observed(mesh, scope.runtime.adapter, detected, record, known),
        proxies=known.proxies,
        complete=known.complete,
        details={"detected": msgspec.to_builtins(detected)},
    )


async def detect(cluster: k8s.Cluster) -> list[Detected]:
    """The meshes of a cluster. Raises KubernetesError."""
    return detecting.detect(await listing.every(cluster, detecting.KINDS))


def chosen(meshes: list[Detected], record: Installation | None) -> Detected | None:
    """The one that is recorded, or the only one."""
    if record:
        wanted = (record.namespace, shown(record.revision))
        return next((each for each in meshes if (each.namespace, each.revision) == wanted), None)
    return meshes[0] if len(meshes) == 1 else None


def observed(
    mesh: kit.MeshRef, adapter_name: str, detected: Detected | None, record: Installation | None, known: Reading
) -> Mesh:
    """A mesh as people see it."""
    missing = Condition(
        type="ControlPlaneReady",
        status="False",
        reason="NotFound",
        message="the cluster has no control plane of this mesh: install it again, or remove the mesh",
    )
    told = [*detected.conditions, *conditions(known, detected.version)] if detected else [missing]
    return Mesh(
        id=mesh.mesh,
        kind="istio",
        connection=mesh.connection,
        adapter=adapter_name,
        version=(detected.version if detected else "") or (record.version if record else ""),
        namespace=(detected.namespace if detected else "") or (record.namespace if record else ""),
        revisions=[shown(each) for each in record.revisions] if record else [detected.revision] if detected else [],
        installer=record.installer if record else detected.installer if detected else "",
        state="ready" if all(each.status == "True" for each in told) else "degraded",
        trust_domain=(record.trust_domain if record else "") or DEFAULT_TRUST_DOMAIN,
        conditions=told,
        workloads=len({each.workload for each in known.proxies if each.workload}),
        proxies=sum(each.state != "disconnected" for each in known.proxies),
        observed_at=datetime.datetime.now(datetime.UTC),
    )


async def _proxies(cluster: k8s.Cluster, mesh: str, detected: Detected) -> Reading:
    return await reading.read(
        cluster,
        mesh,
        detected.namespace,
        detected.revision,
        enrolled=detected.sidecar_namespaces,
        ambient=detected.ztunnel is not None,
    )
