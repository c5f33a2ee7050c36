"""Which Kuma meshes are in a cluster, whoever installed them, and what is wrong with each.

Invariant: a pure function of Kubernetes objects. A control plane may serve several meshes (`kind: Mesh`): each is one
that can be managed, and its name is told as its revision.
"""

import datetime
from collections.abc import Collection, Iterable, Sequence
from typing import Any, Literal, TypeAlias

from meshwright.adapters.kuma import checks, observing, planes, words
from meshwright.adapters.kuma.planes import Plane
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Condition, DetectedMesh

Body = dict[str, Any]
Installer: TypeAlias = Literal["meshwright", "helm", "manifests"]
KINDS = (
    Wanted("apps", "Deployment", labels=words.PLANES),
    Wanted("apps", "DaemonSet", labels=words.CNI),
    Wanted("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    Wanted("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    Wanted("", "Namespace"),
    Wanted(words.GROUP, "Mesh"),
    Wanted(words.GROUP, "Zone"),
    Wanted(words.GROUP, "ZoneInsight"),
)
"""what detection looks at"""


class Detected(Model, frozen=True, kw_only=True):
    """One control plane as it is there."""

    plane: Plane
    level: str = ""
    """the version by which translators go"""
    installer: Installer = "manifests"
    meshes: list[str] = []
    enrolled: list[str] = []
    """namespaces whose new pods get a proxy"""
    conditions: list[Condition] = []


def detect(bodies: Iterable[Body], served: Collection[tuple[str, str]]) -> list[Detected]:
    """The control planes of a cluster; `served` are the kinds of its API server."""
    everything = list(bodies)
    found = [_detected(each, everything, served) for each in everything if each.get("kind") == "Deployment"]
    return sorted(found, key=lambda each: each.plane.namespace)


def summaries(found: Detected) -> list[DetectedMesh]:
    """The meshes of a control plane in the words of all meshes; one without a name where it has none yet."""
    return [
        DetectedMesh(
            kind="kuma",
            namespace=found.plane.namespace,
            revision=name,
            version=found.plane.release,
            modes=["sidecar"],
            installer=found.installer,
            enrolled=found.enrolled,
            state="ready" if is_well(found.conditions) else "degraded",
            conditions=found.conditions,
        )
        for name in found.meshes or [words.DEFAULT_MESH]
    ]


def is_well(conditions: Iterable[Condition]) -> bool:
    """Whether nothing is wrong."""
    return all(each.status != "False" for each in conditions)


def strays(bodies: Collection[Body]) -> list[str]:
    """Namespaces that ask for proxies while no control plane would give them any."""
    if any(each.get("kind") == "Deployment" for each in bodies):
        return []
    return [
        f"the namespace {name} asks for proxies of Kuma ({words.INJECTION}), which is not there: withdraw it, or"
        " install Kuma"
        for name in _enrolled(bodies)
    ]


def _detected(deployment: Body, bodies: Sequence[Body], served: Collection[tuple[str, str]]) -> Detected:
    plane = planes.plane(deployment)
    names = sorted(k8s.name_of(each) for each in _of(bodies, "Mesh"))
    told = [
        checks.control_plane(deployment),
        checks.definitions(served),
        checks.webhooks(bodies, plane.namespace, datetime.datetime.now(datetime.UTC)),
        checks.meshes(names),
        checks.cni(_of(bodies, "DaemonSet"), enabled=plane.cni),
        checks.zones(_zones(bodies)),
    ]
    return Detected(
        plane=plane,
        level=planes.level(plane.release, has_gateways=(words.GROUP, words.GATEWAY) in served),
        installer=_installer(deployment),
        meshes=names,
        enrolled=_enrolled(bodies),
        conditions=[each for each in told if each is not None],
    )


def _zones(bodies: Sequence[Body]) -> list[tuple[str, Body]]:
    known = {k8s.name_of(each): each.get("spec") or {} for each in _of(bodies, "ZoneInsight")}
    return [(name, known.get(name, {})) for name in sorted(k8s.name_of(each) for each in _of(bodies, "Zone"))]


def _enrolled(bodies: Iterable[Body]) -> list[str]:
    places = [each for each in bodies if each.get("kind") == "Namespace"]
    return sorted(k8s.name_of(each) for each in places if observing.is_injected({}, k8s.labels_of(each)))


def _installer(deployment: Body) -> Installer:
    meta = deployment.get("metadata") or {}
    managers = [str(each.get("manager")) for each in meta.get("managedFields") or [] if not each.get("subresource")]
    if any(each.startswith("meshwright") for each in managers):
        return "meshwright"
    return "helm" if k8s.annotations_of(deployment).get("meta.helm.sh/release-name") else "manifests"


def _of(bodies: Iterable[Body], kind: str) -> list[Body]:
    return [each for each in bodies if each.get("kind") == kind]
