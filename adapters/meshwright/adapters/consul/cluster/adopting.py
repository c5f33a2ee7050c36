"""Managing a Consul that Helm, its own CLI or somebody by hand has installed in a cluster.

Invariant: the record of an adopted mesh says where its control plane is and what installed it, and has no components:
what is not ours is neither upgraded nor pruned by Meshwright.
"""

from typing import Any

import msgspec

from meshwright.adapters.consul.cluster import detecting, status
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.installing.installation import Installation
from meshwright.schemas.meshes import DetectedMesh, Detections


async def detect(scope: kit.ConnectionScope) -> Detections:
    """Every Consul of a cluster. Raises KubernetesError."""
    found = await status.detect(await k8s.cluster_of(scope))
    return Detections(meshes=[detecting.summary(each) for each in found])


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
