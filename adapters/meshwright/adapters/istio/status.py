"""The status of an Istio mesh, read from its cluster and from its istiods.

Invariant: looking changes nothing; what is given is the mesh as its cluster shows it now.
"""

import datetime
from collections.abc import Sequence

import msgspec

from meshwright.adapters.istio import detecting
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts.profiles import DEFAULT_TRUST_DOMAIN, revisions, shown
from meshwright.adapters.istio.detecting import Detected
from meshwright.adapters.istio.proxies import reading
from meshwright.adapters.istio.proxies.conditions import conditions
from meshwright.adapters.istio.proxies.reading import Reading
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.schemas.meshes import Condition, Mesh


@adapter.status
async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the control planes, their webhooks, node agents and proxies; say what is wrong and what to do."""
    mesh = scope.mesh
    record = await (await Installations.open(scope.runtime)).get(mesh)
    cluster = await k8s.cluster_of(scope)
    planes = own(await detect(cluster), record)
    known = await _proxies(cluster, mesh, planes) if planes else Reading()
    return kit.MeshStatus(
        mesh=observed(mesh, scope.runtime.adapter, planes, record, known),
        proxies=known.proxies,
        workloads=known.workloads,
        complete=known.complete,
        details={"detected": msgspec.to_builtins(planes)},
    )


async def detect(cluster: k8s.Cluster) -> list[Detected]:
    """The control planes of a cluster, each with its revision. Raises KubernetesError."""
    return detecting.detect(await listing.every(cluster, detecting.KINDS))


def own(detected: Sequence[Detected], record: Installation | None) -> list[Detected]:
    """The control planes of a mesh, the one in force first: those that are recorded, or the only one."""
    if record is None:
        return [*detected] if len(detected) == 1 else []
    order = [(record.namespace, shown(each)) for each in revisions(record)]
    mine = [each for each in detected if (each.namespace, each.revision) in order]
    return sorted(mine, key=lambda each: order.index((each.namespace, each.revision)))


def observed(
    mesh: kit.MeshRef, adapter_name: str, planes: Sequence[Detected], record: Installation | None, known: Reading
) -> Mesh:
    """A mesh as users see it."""
    first = planes[0] if planes else None
    told = _conditions(mesh.mesh, planes, record, known)
    return Mesh(
        id=mesh.mesh,
        kind="istio",
        connection=mesh.connection,
        adapter=adapter_name,
        version=(first.version if first else "") or (record.version if record else ""),
        namespace=(record.namespace if record else "") or (first.namespace if first else ""),
        revisions=[shown(each) for each in revisions(record)] if record else [each.revision for each in planes],
        installer=record.installer if record else first.installer if first else "",
        state="ready" if all(each.status == "True" for each in told) else "degraded",
        trust_domain=(record.trust_domain if record else "") or DEFAULT_TRUST_DOMAIN,
        conditions=told,
        workloads=len(known.workloads),
        proxies=sum(each.state != "disconnected" for each in known.proxies),
        observed_at=datetime.datetime.now(datetime.UTC),
    )


def _conditions(mesh: str, planes: Sequence[Detected], record: Installation | None, known: Reading) -> list[Condition]:
    """Those of the control plane in force and of all proxies, and what is wrong with another one; each type once."""
    revision = shown(record.revision) if record else planes[0].revision if planes else ""
    told = [condition for each in planes if each.revision == revision for condition in each.conditions]
    if not told:
        where = f" {record.namespace}/{revision}" if record else ""
        message = f"the cluster has no control plane{where} of this mesh: install it again, or remove the mesh"
        told = [Condition(type="ControlPlaneReady", status="False", reason="NotFound", message=message)]
    for plane in [each for each in planes if each.revision != revision]:
        told += [
            msgspec.structs.replace(each, message=f"revision {plane.revision}: {each.message}"[:2000])
            for each in plane.conditions
            if each.status != "True" and each not in told
        ]
    if planes:
        waypoints = sorted({name for each in planes for name in each.waypoints})
        told += conditions(mesh, known, {each.revision: each.version for each in planes}, waypoints)
    return joined(told)


def joined(conditions: Sequence[Condition]) -> list[Condition]:
    """One condition of each type: the first that is wrong, with the words of all that are."""
    by_type: dict[str, Condition] = {}
    for each in conditions:
        before = by_type.get(each.type)
        if before is None or (before.status == "True" and each.status != "True"):
            by_type[each.type] = each
        elif before.status != "True" and each.status != "True":
            message = f"{before.message}; {each.message}"[:2000]
            by_type[each.type] = msgspec.structs.replace(before, message=message)
    return list(by_type.values())


async def _proxies(cluster: k8s.Cluster, mesh: kit.MeshRef, planes: Sequence[Detected]) -> Reading:
    return await reading.read(
        cluster,
        mesh,
        planes[0].namespace,
        [each.revision for each in planes],
        enrolled=sorted({name for each in planes for name in each.sidecar_namespaces}),
        captured=sorted({name for each in planes for name in each.ambient_namespaces}),
        ztunnel=any(each.ztunnel is not None for each in planes),
    )
