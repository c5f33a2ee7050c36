"""What follows one revision of Istio, and moving it to another: namespaces, pods of their own mind, tags.

Invariant: a namespace that follows a tag is moved by moving the tag, and no label of it changes; all others get the
label of the new revision, and only that. What moves is decided once, before anything is changed.
"""

from collections.abc import Collection
from contextlib import aclosing
from typing import Any

from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION, shown
from meshwright.adapters.istio.enrolment import marks
from meshwright.adapters.istio.enrolment.marks import Part
from meshwright.adapters.istio.operations import control_planes
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.enrolment import plans, workloads
from meshwright.core.kit.kubernetes.enrolment.plans import Change
from meshwright.schemas.base import Model
from meshwright.schemas.references import ResourceRef

_REVISION = "istio.io/rev"
"""also an annotation of every pod with a sidecar: the revision that injected it"""


class Move(Model, frozen=True, kw_only=True):
    """What moves from one revision to another."""

    changes: list[Change] = []
    tags: list[str] = []
    restarts: list[ResourceRef] = []


async def plan(cluster: k8s.Cluster, old: str, new: str, own: Collection[ResourceRef]) -> Move:
    """What follows the old revision now, besides Istio's `own`. Raises KubernetesError."""
    before = shown(old)
    tags = [each.name for each in await control_planes.tags(cluster) if each.revision == before]
    changes, restarts = [], []
    part = Part(revision=shown(new)) if new else Part()
    for state in await control_planes.namespaces(cluster):
        if not control_planes.following(state, before, set(tags)):
            continue
        restarts += [each.ref for each in await workloads.of_namespace(cluster, state.name)]
        if control_planes.following(state, before, set()):
            change = marks.joining_namespace(state.labels, part)
            changes.append(plans.change(ResourceRef(kind="Namespace", name=state.name), state.labels, change))
    async for one in _with_labels_of_their_own(cluster):
        follows = one.labels.get(marks.REVISION) or (DEFAULT_REVISION if one.labels.get(marks.INJECT) == "true" else "")
        if follows == before and one.ref not in restarts and one.ref not in own:
            wanted: dict[str, str | None] = {marks.REVISION: shown(new) if new else None}
            changes.append(plans.change(one.ref, one.labels, wanted, in_template=True))
            restarts.append(one.ref)
    return Move(changes=changes, tags=tags, restarts=restarts)


async def still_on(cluster: k8s.Cluster, revision: str) -> list[ResourceRef]:
    """Pods whose sidecars a revision has injected. Raises KubernetesError."""
    pods = []
    async with aclosing(cluster.list("", "Pod", labels="security.istio.io/tlsMode")) as items:
        async for each in items:
            if _annotation(each.body) == shown(revision):
                pods.append(each.ref)
    return sorted(pods)


def _annotation(body: dict[str, Any]) -> str:
    return str((k8s.at(body, "metadata", "annotations") or {}).get(_REVISION, ""))


async def _with_labels_of_their_own(cluster: k8s.Cluster) -> Any:
    for kind in ("Deployment", "StatefulSet", "DaemonSet"):
        async with aclosing(cluster.list("apps", kind)) as items:
            async for each in items:
                one = workloads.controller(each.body)
                is_gateway = "gateway.networking.k8s.io/gateway-name" in one.labels
                is_out = one.labels.get(marks.INJECT) == "false" or is_gateway
                if {marks.REVISION, marks.INJECT} & one.labels.keys() and not is_out:
                    yield one
