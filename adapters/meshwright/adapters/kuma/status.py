"""The status of a Kuma mesh, read from its cluster: control plane, webhooks, zones, and what each proxy has taken.

Invariant: looking changes nothing; what a proxy has taken is what the control plane has counted of it
(DataplaneInsight), and nothing more is claimed.
"""

import datetime
from collections.abc import Sequence

import msgspec

from meshwright.adapters.kuma import checks, detecting, insights, words
from meshwright.adapters.kuma.detecting import Detected
from meshwright.adapters.kuma.insights import Seen
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.facts import members
from meshwright.core.kit.kubernetes.facts.pods import container_of, controller_of, ended
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.schemas.meshes import Condition, Mesh
from meshwright.schemas.workloads import Proxy, Workload, workload_id

_DATAPLANES, _INSIGHTS = Wanted(words.GROUP, "Dataplane"), Wanted(words.GROUP, "DataplaneInsight")
_PODS, _SERVICES = Wanted("", "Pod"), Wanted("", "Service")


async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the control plane, its webhooks, zones and proxies; say what is wrong and what to do."""
    mesh = scope.mesh
    record = await (await Installations.open(scope.runtime)).get(mesh)
    cluster = await k8s.cluster_of(scope)
    plane = own(await detect(cluster), record)
    name = mesh_name(record)
    there, meshed, looked = await _data_plane(cluster, mesh, name, plane) if plane else ([], [], [])
    told = [*(plane.conditions if plane else [_gone(record)]), *looked]
    return kit.MeshStatus(
        mesh=observed(mesh, scope.runtime.adapter, plane, record, told, there, meshed),
        proxies=there,
        workloads=meshed,
        details={"detected": msgspec.to_builtins(plane), "kuma_mesh": name},
    )


async def detect(cluster: k8s.Cluster) -> list[Detected]:
    """The control planes of a cluster. Raises KubernetesError."""
    served = await cluster.discovery.served([*checks.KINDS, (words.GROUP, words.GATEWAY)])
    return detecting.detect(await listing.every(cluster, detecting.KINDS), served)


def own(detected: Sequence[Detected], record: Installation | None) -> Detected | None:
    """The control plane of a mesh: the one that is recorded, or the only one."""
    if record is None:
        return detected[0] if len(detected) == 1 else None
    return next((each for each in detected if each.plane.namespace == record.namespace), None)


def mesh_name(record: Installation | None) -> str:
    """What Kuma calls a mesh."""
    return (record.revision if record else "") or words.DEFAULT_MESH


def observed(
    mesh: kit.MeshRef,
    adapter_name: str,
    plane: Detected | None,
    record: Installation | None,
    told: Sequence[Condition],
    there: Sequence[Proxy],
    meshed: Sequence[Workload],
) -> Mesh:
    """A mesh as users see it."""
    return Mesh(
        id=mesh.mesh,
        kind="kuma",
        connection=mesh.connection,
        adapter=adapter_name,
        version=(plane.plane.release if plane else "") or (record.version if record else ""),
        namespace=plane.plane.namespace if plane else record.namespace if record else "",
        revisions=[mesh_name(record)],
        installer=record.installer if record else plane.installer if plane else "",
        state="ready" if detecting.is_well(told) else "degraded",
        conditions=list(told),
        workloads=len(meshed),
        proxies=sum(each.state != "disconnected" for each in there),
        observed_at=datetime.datetime.now(datetime.UTC),
    )


async def _data_plane(
    cluster: k8s.Cluster, mesh: kit.MeshRef, name: str, found: Detected
) -> tuple[list[Proxy], list[Workload], list[Condition]]:
    lists = await listing.together(cluster, [_DATAPLANES, _INSIGHTS, _PODS, _SERVICES])
    known = seen(lists[_DATAPLANES], lists[_INSIGHTS], name)
    places = {(each.namespace, each.name) for each in known}
    meshed = [each for each in lists[_PODS] if (k8s.namespace_of(each), k8s.name_of(each)) in places]
    ids = {(k8s.namespace_of(each), k8s.name_of(each)): _workload(mesh.mesh, each) for each in meshed}
    placed = [msgspec.structs.replace(each, workload=ids.get((each.namespace, each.name), "")) for each in known]
    there = insights.proxies(mesh.mesh, placed)
    without = sorted(
        f"{k8s.namespace_of(each)}/{k8s.name_of(each)}"
        for each in lists[_PODS]
        if k8s.namespace_of(each) in found.enrolled and _is_bare(each)
    )
    told = checks.proxies(there, without, found.plane.release)
    return there, members(mesh, meshed, lists[_SERVICES]), told


def _workload(mesh: str, pod: detecting.Body) -> str:
    kind, name = controller_of(pod)
    return workload_id(mesh, k8s.namespace_of(pod), kind, name) if kind else ""


def _is_bare(pod: detecting.Body) -> bool:
    """Whether a pod of an enrolled namespace was to have a proxy and has none."""
    return (
        container_of(pod, words.SIDECAR) is None
        and not ended(pod)
        and not k8s.at(pod, "spec", "hostNetwork")
        and k8s.labels_of(pod).get(words.INJECTION) != "disabled"
    )


def seen(dataplanes: Sequence[detecting.Body], known: Sequence[detecting.Body], name: str) -> list[Seen]:
    """The proxies of one of Kuma's meshes, each with what is known of it."""
    by_place = {(k8s.namespace_of(each), k8s.name_of(each)): each.get("status") or {} for each in known}
    return [
        Seen(
            namespace=k8s.namespace_of(each),
            name=k8s.name_of(each),
            mesh=name,
            gateway=bool(k8s.at(each, "spec", "networking", "gateway")),
            insight=by_place.get((k8s.namespace_of(each), k8s.name_of(each)), {}),
        )
        for each in dataplanes
        if str(each.get("mesh") or words.DEFAULT_MESH) == name
    ]


def _gone(record: Installation | None) -> Condition:
    where = f" in {record.namespace}" if record else ""
    return checks.condition(
        "ControlPlaneReady",
        f"the cluster has no control plane of this mesh{where}",
        reason="Gone",
        remedy="install it again, or remove the mesh",
    )
