"""Managing a Linkerd that Helm, its own CLI or somebody by hand has installed.

Invariant: the record of an adopted mesh says where its control plane is and what installed it, and has no components:
what is not ours is neither upgraded nor pruned by Meshwright.
"""

from typing import Any

import msgspec

from meshwright.adapters.linkerd import detecting, status
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.installing import adopted
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import DetectedMesh, Detections


async def detect(scope: kit.ConnectionScope) -> Detections:
    """Every Linkerd of a cluster, and what is wrong around them. Raises KubernetesError."""
    cluster = await k8s.cluster_of(scope)
    bodies = await listing.every(cluster, detecting.KINDS)
    found = detecting.detect(bodies, await status.seen(cluster))
    meshes = [detecting.summary(each) for each in found]
    return Detections(meshes=meshes, notes=[each[:2000] for each in detecting.strays(bodies)])


async def record(scope: kit.Scope, mesh: DetectedMesh) -> dict[str, Any]:
    """Which control plane it is, and what installed it. Raises KubernetesError."""
    cluster = await k8s.cluster_of(scope)
    known = Installation(
        namespace=mesh.namespace,
        version=mesh.version,
        installer=mesh.installer,
        cluster=await cluster.identity(),
    )
    result: dict[str, Any] = msgspec.to_builtins(known)
    return result


adapter.adopts(kit.Adoption(detect=detect, record=record, read=adopted.read, write=adopted.write, status=status.status))
