"""Managing a Kuma that Helm, kumactl or somebody by hand has installed.

Invariant: the record of an adopted mesh says where its control plane is, which of its meshes is meant and what
installed it, and has no components: what is not ours is neither upgraded nor pruned by Meshwright.
"""

from typing import Any

import msgspec

from meshwright.adapters.kuma import detecting, status
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes import listing
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import DetectedMesh, Detections


async def detect(scope: kit.ConnectionScope) -> Detections:
    """Every mesh of every Kuma of a cluster, and what is wrong around them. Raises KubernetesError."""
    cluster = await k8s.cluster_of(scope)
    meshes = [summary for each in await status.detect(cluster) for summary in detecting.summaries(each)]
    strays = detecting.strays(await listing.every(cluster, detecting.KINDS))
    return Detections(meshes=meshes, notes=[each[:2000] for each in strays])


async def record(scope: kit.Scope, mesh: DetectedMesh) -> dict[str, Any]:
    """Which control plane and mesh it is, and what installed it. Raises KubernetesError."""
    cluster = await k8s.cluster_of(scope)
    known = Installation(
        namespace=mesh.namespace,
        version=mesh.version,
        revision=mesh.revision,
        installer=mesh.installer,
        cluster=await cluster.identity(),
    )
    result: dict[str, Any] = msgspec.to_builtins(known)
    return result
