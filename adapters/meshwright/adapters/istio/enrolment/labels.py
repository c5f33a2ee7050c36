"""Setting labels, which is how Istio is told what takes part.

Invariant: a label is written by a merge patch of that label alone, so nothing else of the object is touched; None
takes it away. Writing it twice is writing it once.
"""

from collections.abc import Mapping

from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.references import ResourceRef

OWNER = "meshwright"


async def put(cluster: k8s.Cluster, ref: ResourceRef, labels: Mapping[str, str | None]) -> bool:
    """Set labels of an object; whether it is there. Raises KubernetesError."""
    try:
        await cluster.patch(ref, {"metadata": {"labels": dict(labels)}}, owner=OWNER)
    except k8s.NotFound:
        return False
    return True


async def put_in_template(
    cluster: k8s.Cluster,
    ref: ResourceRef,
    labels: Mapping[str, str | None],
    annotations: Mapping[str, str | None] | None = None,
) -> bool:
    """Set labels and annotations of a controller's pods, which starts them anew; whether it is there."""
    meta: dict[str, dict[str, str | None]] = {"labels": dict(labels)} if labels else {}
    meta |= {"annotations": dict(annotations)} if annotations else {}
    try:
        await cluster.patch(ref, {"spec": {"template": {"metadata": meta}}}, owner=OWNER)
    except k8s.NotFound:
        return False
    return True
