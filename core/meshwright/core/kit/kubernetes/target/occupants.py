"""What lives in a namespace or is of a kind, besides what a design itself has brought.

Problem: deleting a namespace deletes everything in it, and deleting a definition every object of its kind, whoever made
them. Invariant: neither is deleted as long as anything in it is not the design's own; what a cluster or a control plane
puts into every namespace, and what other objects own, does not count.
"""

from collections.abc import Collection
from contextlib import aclosing

import msgspec

from meshwright.core.kit.kubernetes import errors
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.discovery import Api
from meshwright.core.kit.kubernetes.objects import Body, at
from meshwright.core.kit.kubernetes.target import ordering
from meshwright.schemas.references import ResourceRef

_ENOUGH = 3
_UNSEEN = "(which we may not list)"
_PASSING = {"Event", "Endpoints", "EndpointSlice", "Lease", "PodMetrics", "ControllerRevision"}
EVERYWHERE = frozenset({"kube-root-ca.crt", "openshift-service-ca.crt", "istio-ca-root-cert", "istio-ca-crl"})
"""the ConfigMaps that controllers of Kubernetes, OpenShift and Istio put into every namespace"""
_FURNITURE = {("ServiceAccount", "default"), *(("ConfigMap", name) for name in EVERYWHERE)}


class _Meta(msgspec.Struct, frozen=True, rename={"owners": "ownerReferences"}):
    owners: list[msgspec.Raw] = []


class _Owned(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()


async def of(cluster: Cluster, ref: ResourceRef, body: Body, own: Collection[ResourceRef]) -> list[ResourceRef]:
    """Some of what would go together with an object and is not one of `own`. Raises KubernetesError."""
    mine = set(own)
    if (ref.group, ref.kind) == ordering.DEFINITION:
        group, kind = str(at(body, "spec", "group")), str(at(body, "spec", "names", "kind"))
        return await _others(cluster, group, kind, None, mine)
    if (ref.group, ref.kind) != ("", "Namespace"):
        return []
    occupants: list[ResourceRef] = []
    for api in await cluster.discovery.all():
        if _counts(api):
            occupants += await _others(cluster, api.group, api.kind, ref.name, mine)
        if len(occupants) >= _ENOUGH:
            break
    return occupants[:_ENOUGH]


def _counts(api: Api) -> bool:
    return api.namespaced and "list" in api.verbs and api.kind not in _PASSING


async def _others(
    cluster: Cluster, group: str, kind: str, namespace: str | None, own: set[ResourceRef]
) -> list[ResourceRef]:
    others: list[ResourceRef] = []
    try:
        async with aclosing(cluster.list(group, kind, namespace)) as items:
            async for each in items:
                furniture = (kind, each.ref.name) in _FURNITURE or each.decode(_Owned).metadata.owners
                if each.ref not in own and not furniture:
                    others.append(each.ref)
                if len(others) >= _ENOUGH:
                    break
    except errors.NotFound:
        return []
    except errors.Forbidden:  # what cannot be seen may be there
        return [ResourceRef(group=group, kind=kind, namespace=namespace or "", name=_UNSEEN)]
    return others
