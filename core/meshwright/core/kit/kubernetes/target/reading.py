"""Looking at many objects at once.

Invariant: whether a kind is served is asked once for all of its objects; what is not there, or of no kind that is
served, is left out.
"""

from collections.abc import Collection

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.core.kit.kubernetes.target import ordering
from meshwright.schemas.references import ResourceRef


async def there(cluster: Cluster, refs: Collection[ResourceRef]) -> dict[ResourceRef, Body]:
    """Those of the objects that are there. Raises KubernetesError."""
    kinds = {(ref.group, ref.kind): ref for ref in refs}
    served = await ordering.every(list(kinds.values()), lambda ref: _is_served(cluster, ref))
    known = {kind for kind, is_served in zip(kinds, served, strict=True) if is_served}
    asked = sorted(ref for ref in set(refs) if (ref.group, ref.kind) in known)
    answers = await ordering.every(asked, cluster.find)
    return {ref: body for ref, body in zip(asked, answers, strict=True) if body is not None}


async def _is_served(cluster: Cluster, ref: ResourceRef) -> bool:
    try:
        await cluster.discovery.api(ref.group, ref.kind)
    except errors.UnknownKind:
        return False
    return True
