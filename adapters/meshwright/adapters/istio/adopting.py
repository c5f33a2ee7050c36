"""Managing an Istio that Helm, istioctl, an operator or somebody by hand has installed.

Invariant: the record of an adopted mesh says which control plane it is and what installed it, and has no components:
what is not ours is neither upgraded nor pruned by Meshwright.
"""

from typing import Any

import msgspec

from meshwright.adapters.istio import detecting, reading, status
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.charts.profiles import DEFAULT_PROFILE, DEFAULT_REVISION
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.installing import adopted
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import DetectedMesh, Detections

_AMBIENT = "ambient"


async def detect(scope: kit.ConnectionScope) -> Detections:
    """Every Istio of a cluster, and what is wrong around them. Raises KubernetesError."""
    cluster = await k8s.cluster_of(scope)
    bodies = await listing.every(cluster, detecting.KINDS)
    meshes = [detecting.summary(each) for each in detecting.detect(bodies)]
    return Detections(meshes=meshes, notes=[each[:2000] for each in detecting.strays(bodies)])


async def record(scope: kit.Scope, mesh: DetectedMesh) -> dict[str, Any]:
    """Which control plane it is, and what installed it. Raises KubernetesError."""
    cluster = await k8s.cluster_of(scope)
    config = await reading.mesh_config(cluster, mesh.namespace, mesh.revision)
    known = Installation(
        namespace=mesh.namespace,
        profile=_AMBIENT if _AMBIENT in mesh.modes else DEFAULT_PROFILE,
        version=mesh.version,
        revision="" if mesh.revision == DEFAULT_REVISION else mesh.revision,
        trust_domain=str(config.get("trustDomain") or ""),
        installer=mesh.installer,
        cluster=await cluster.identity(),
    )
    result: dict[str, Any] = msgspec.to_builtins(known)
    return result


adapter.adopts(kit.Adoption(detect=detect, record=record, read=adopted.read, write=adopted.write, status=status.status))
