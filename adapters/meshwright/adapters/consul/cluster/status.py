"""The status of a Consul in a cluster, read from its objects.

Invariant: looking changes nothing; what is given is the mesh as its cluster shows it now.
"""

import datetime
from collections.abc import Sequence

import msgspec

from meshwright.adapters.consul.cluster import detecting, proxies, words
from meshwright.adapters.consul.cluster.detecting import Detected, condition
from meshwright.adapters.consul.cluster.planes import Plane
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.facts import members
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.schemas.meshes import Condition, Mesh
from meshwright.schemas.workloads import Proxy, Workload


async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the servers, the injector, its webhook, gateways and proxies; say what is wrong and what to do."""
    mesh = scope.mesh
    record = await (await Installations.open(scope.runtime)).get(mesh)
    cluster = await k8s.cluster_of(scope)
    found = own(await detect(cluster), record)
    there, meshed, looked = await _data_plane(cluster, mesh, found.plane) if found else ([], [], [])
    told = [*(found.conditions if found else [_gone(record)]), *looked]
    return kit.MeshStatus(
        mesh=observed(mesh, scope.runtime.adapter, found, record, told, there, meshed),
        proxies=there,
        workloads=meshed,
        details={"detected": msgspec.to_builtins(found)},
    )


async def detect(cluster: k8s.Cluster) -> list[Detected]:
    """The Consuls of a cluster. Raises KubernetesError."""
    wanted = [(words.GROUP, kind) for kind in detecting.DEFINED]
    served = {kind for _, kind in await cluster.discovery.served(wanted)}
    return detecting.detect(await listing.every(cluster, detecting.KINDS), served)


def own(found: Sequence[Detected], record: Installation | None) -> Detected | None:
    """The one of a mesh: that which is recorded, or the only one."""
    if record is None:
        return found[0] if len(found) == 1 else None
    return next((each for each in found if each.plane.namespace == record.namespace), None)


def observed(
    mesh: kit.MeshRef,
    adapter_name: str,
    found: Detected | None,
    record: Installation | None,
    told: list[Condition],
    there: Sequence[Proxy],
    meshed: Sequence[Workload],
) -> Mesh:
    """A mesh as users see it."""
    plane = found.plane if found else None
    return Mesh(
        id=mesh.mesh,
        kind="consul",
        connection=mesh.connection,
        adapter=adapter_name,
        version=(plane.consul if plane else "") or (record.version if record else ""),
        namespace=plane.namespace if plane else record.namespace if record else "",
        installer=record.installer if record else found.installer if found else "",
        state="ready" if all(each.status == "True" for each in told) else "degraded",
        conditions=told,
        workloads=len(meshed),
        proxies=sum(each.state != "disconnected" for each in there),
        observed_at=datetime.datetime.now(datetime.UTC),
    )


async def _data_plane(
    cluster: k8s.Cluster, mesh: kit.MeshRef, plane: Plane
) -> tuple[list[Proxy], list[Workload], list[Condition]]:
    pods = await listing.listed(cluster, "", "Pod")
    places = {k8s.name_of(each): k8s.labels_of(each) for each in await listing.listed(cluster, "", "Namespace")}
    there = proxies.proxies(mesh.mesh, pods, plane)
    meshed = members(mesh, filter(proxies.is_sidecar, pods), await listing.listed(cluster, "", "Service"))
    return there, meshed, proxies.conditions(mesh.mesh, there, proxies.bare(pods, places, plane), plane)


def _gone(record: Installation | None) -> Condition:
    where = f" in {record.namespace}" if record else ""
    wrong = f"the cluster has no Consul{where}: install it again, or remove the mesh"
    return condition("ControlPlaneReady", wrong, "Gone", "")
