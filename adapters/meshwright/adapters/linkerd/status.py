"""The status of a Linkerd mesh, read from its cluster, in the categories of `linkerd check`.

Invariant: looking changes nothing; what is given is the mesh as its cluster shows it now.
"""

import datetime
from collections.abc import Sequence

import msgspec

from meshwright.adapters.linkerd import checks, detecting, proxies, words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.checks import Check
from meshwright.adapters.linkerd.detecting import Detected, Seen
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.facts import members
from meshwright.core.kit.kubernetes.installing.installation import Installation, Installations
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.references import ResourceRef
from meshwright.schemas.workloads import Proxy, Workload

_ROUTES = ResourceRef(
    group="apiextensions.k8s.io", kind="CustomResourceDefinition", name=f"httproutes.{words.GATEWAYS}"
)
_BUNDLE = f"{words.GATEWAYS}/bundle-version"


@adapter.status
async def status(scope: kit.Scope) -> kit.MeshStatus:
    """Look at the control plane, its webhooks, trust anchors and proxies; say what is wrong and what to do."""
    mesh = scope.mesh
    record = await (await Installations.open(scope.runtime)).get(mesh)
    cluster = await k8s.cluster_of(scope)
    plane = own(await detect(cluster), record)
    there, meshed, looked = await _data_plane(cluster, mesh, plane) if plane else ([], [], [])
    results = [*(plane.checks if plane else [_gone(record)]), *looked]
    return kit.MeshStatus(
        mesh=observed(mesh, scope.runtime.adapter, plane, record, results, there, meshed),
        proxies=there,
        workloads=meshed,
        details={"checks": msgspec.to_builtins(results), "detected": msgspec.to_builtins(plane)},
    )


async def detect(cluster: k8s.Cluster) -> list[Detected]:
    """The control planes of a cluster. Raises KubernetesError."""
    return detecting.detect(await listing.every(cluster, detecting.KINDS), await seen(cluster))


async def seen(cluster: k8s.Cluster) -> Seen:
    """What the API server serves of what Linkerd needs. Raises KubernetesError."""
    served = await cluster.discovery.served(checks.KINDS)
    routes = await cluster.find(_ROUTES)
    annotations = k8s.at(routes, "metadata", "annotations") or {}
    return Seen(served=sorted(served), bundle=str(annotations.get(_BUNDLE, "")) if routes else None)


def own(detected: Sequence[Detected], record: Installation | None) -> Detected | None:
    """The control plane of a mesh: the one that is recorded, or the only one."""
    if record is None:
        return detected[0] if len(detected) == 1 else None
    return next((each for each in detected if each.namespace == record.namespace), None)


def observed(
    mesh: kit.MeshRef,
    adapter_name: str,
    plane: Detected | None,
    record: Installation | None,
    results: Sequence[Check],
    there: Sequence[Proxy],
    meshed: Sequence[Workload],
) -> Mesh:
    """A mesh as users see it."""
    return Mesh(
        id=mesh.mesh,
        kind="linkerd",
        connection=mesh.connection,
        adapter=adapter_name,
        version=(plane.release if plane else "") or (record.version if record else ""),
        namespace=plane.namespace if plane else record.namespace if record else "",
        installer=record.installer if record else plane.installer if plane else "",
        state="ready" if all(each.result != checks.BAD for each in results) else "degraded",
        trust_domain=plane.trust_domain if plane else record.trust_domain if record else "",
        conditions=checks.conditions(results),
        workloads=len(meshed),
        proxies=sum(each.state != "disconnected" for each in there),
        observed_at=datetime.datetime.now(datetime.UTC),
    )


async def _data_plane(
    cluster: k8s.Cluster, mesh: kit.MeshRef, plane: Detected
) -> tuple[list[Proxy], list[Workload], list[Check]]:
    pods = await listing.listed(cluster, "", "Pod", labels=f"{words.PLANE}={plane.namespace}")
    there = proxies.proxies(mesh.mesh, pods, plane)
    meshed = members(mesh, pods, await listing.listed(cluster, "", "Service"))
    others = [
        body
        for name in plane.enrolled
        for body in await listing.listed(cluster, "", "Pod", name, labels=f"!{words.PLANE}")
    ]
    return there, meshed, proxies.checked(mesh.mesh, there, proxies.bare(others, plane.enrolled), plane)


def _gone(record: Installation | None) -> Check:
    where = f" {record.namespace}" if record else ""
    return Check(
        category="linkerd-existence",
        name="the control plane is there",
        result=checks.BAD,
        detail=f"the cluster has no control plane{where} of this mesh",
        hint="install it again, or remove the mesh",
    )
