"""Setting labels and annotations, which is how a mesh is told what takes part.

Invariant: a mark is written by a merge patch of that mark alone, so nothing else of the object is touched; None takes
it away. Writing it twice is writing it once.
"""

from collections.abc import Mapping

from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.errors import NotFound
from meshwright.schemas.references import ResourceRef

OWNER = "meshwright"
Marks = Mapping[str, str | None]
_NONE: Marks = {}


async def put(cluster: Cluster, ref: ResourceRef, labels: Marks, annotations: Marks = _NONE) -> bool:
    """Set labels and annotations of an object; whether it is there. Raises KubernetesError."""
    return await _patch(cluster, ref, {"metadata": _metadata(labels, annotations)})


async def put_in_template(cluster: Cluster, ref: ResourceRef, labels: Marks, annotations: Marks = _NONE) -> bool:
    """Set labels and annotations of a controller's pods, which starts them anew; whether it is there."""
    return await _patch(cluster, ref, {"spec": {"template": {"metadata": _metadata(labels, annotations)}}})


def _metadata(labels: Marks, annotations: Marks) -> dict[str, Marks]:
    return {key: dict(value) for key, value in (("labels", labels), ("annotations", annotations)) if value}


async def _patch(cluster: Cluster, ref: ResourceRef, body: dict[str, object]) -> bool:
    try:
        await cluster.patch(ref, body, owner=OWNER)
    except NotFound:
        return False
    return True
