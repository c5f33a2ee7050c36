"""Which Istio meshes are in a cluster, whoever installed them, and what is wrong with each.

Invariant: a pure function of Kubernetes objects, by the labels that Istio itself goes by: one mesh for each revision of
a control plane. Every condition that is not as it should be says what to do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from meshwright.adapters.istio import facts as known
from meshwright.adapters.istio import observing, webhooks
from meshwright.adapters.istio.charts.profiles import DEFAULT_REVISION
from meshwright.adapters.istio.enrolment.marks import REVISION, TAG
from meshwright.adapters.istio.facts import NamespaceFacts
from meshwright.adapters.istio.operations.control_planes import version_of
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.listing import Wanted
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.base import Model
from meshwright.schemas.meshes import Condition, DetectedMesh

Body = dict[str, Any]
Installer: TypeAlias = Literal["meshwright", "helm", "istioctl", "operator", "manifests"]
KINDS = (
    Wanted("apps", "Deployment", labels="app=istiod"),
    Wanted("apps", "DaemonSet"),
    Wanted("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    Wanted("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    Wanted("", "Namespace"),
    Wanted(known.GATEWAYS, "Gateway"),
)
"""what detection looks at"""
_TAGGED = "istio-revision-tag-"
_IMAGE = re.compile(r":(?P<tag>[^:@/]+)(@.*)?$")


class NodeAgent(Model, frozen=True, kw_only=True):
    """A DaemonSet of Istio's: the CNI plugin or ztunnel."""

    namespace: str
    name: str
    version: str = ""
    wanted: int = 0
    ready: int = 0


class Detected(Model, frozen=True, kw_only=True):
    """One mesh as it is there."""

    namespace: str
    revision: str
    version: str = ""
    """empty where the image has no version for its tag"""
    tags: list[str] = []
    modes: list[str] = []
    installer: Installer = "manifests"
    sidecar_namespaces: list[str] = []
    ambient_namespaces: list[str] = []
    cni: NodeAgent | None = None
    ztunnel: NodeAgent | None = None
    waypoints: list[str] = []
    conditions: list[Condition] = []

    @property
    def healthy(self) -> bool:
        """Whether nothing is wrong with it."""
        return all(each.status == "True" for each in self.conditions)


def detect(bodies: Iterable[Body]) -> list[Detected]:
    """The meshes of a cluster."""
    by_kind: dict[str, list[Body]] = {}
    for body in bodies:
        by_kind.setdefault(str(body.get("kind")), []).append(body)
    planes = [each for each in by_kind.get("Deployment", []) if _labels(each).get("app") == "istiod"]
    return sorted((_detected(each, by_kind) for each in planes), key=lambda each: (each.namespace, each.revision))


def summary(mesh: Detected) -> DetectedMesh:
    """A mesh in the words of all meshes."""
    return DetectedMesh(
        kind="istio",
        namespace=mesh.namespace,
        revision=mesh.revision,
        version=mesh.version,
        tags=mesh.tags,
        modes=mesh.modes,
        installer=mesh.installer,
        enrolled=[*mesh.sidecar_namespaces, *mesh.ambient_namespaces],
        state="ready" if mesh.healthy else "degraded",
        conditions=mesh.conditions,
    )


def strays(bodies: Sequence[Body]) -> list[str]:
    """Namespaces that follow a revision which no control plane has: their new pods get no sidecar."""
    meshes = detect(bodies)
    alive = {name for each in meshes for name in (each.revision, *each.tags)}
    tags = _tags([each for each in bodies if each.get("kind") == "MutatingWebhookConfiguration"])
    places = observing.namespaces([each for each in bodies if each.get("kind") == "Namespace"], tags)
    return [
        f"the namespace {each.name} follows the revision {each.revision}, which is not there: enrol it in"
        f" {' or '.join(sorted(alive)) or 'a mesh'}, or withdraw it"
        for each in places
        if each.mode == "sidecar" and each.revision not in alive
    ]


def _detected(plane: Body, by_kind: Mapping[str, list[Body]]) -> Detected:
    revision = _labels(plane).get(REVISION) or DEFAULT_REVISION
    namespace = str(k8s.at(plane, "metadata", "namespace") or "")
    injectors = by_kind.get("MutatingWebhookConfiguration", [])
    tags = _tags(injectors)
    places = observing.namespaces(by_kind.get("Namespace", []), tags)
    agents = by_kind.get("DaemonSet", [])
    cni = next((_agent(each) for each in agents if _labels(each).get("k8s-app") == "istio-cni-node"), None)
    ztunnel = next((_agent(each) for each in agents if _is_ztunnel(each)), None)
    version = version_of(plane)
    detected = Detected(
        namespace=namespace,
        revision=revision,
        version=version if numbers(version) else "",
        tags=sorted(name for name, target in tags.items() if target == revision),
        modes=["sidecar", *(["ambient"] if ztunnel else [])],
        installer=_installer(plane),
        sidecar_namespaces=[each.name for each in places if each.mode == "sidecar" and each.revision == revision],
        ambient_namespaces=[each.name for each in places if each.mode == "ambient"] if ztunnel else [],
        cni=cni,
        ztunnel=ztunnel,
        waypoints=[f"{each.namespace}/{each.name}" for each in observing.waypoints(by_kind.get("Gateway", []))],
    )
    conditions = [
        _control_plane(plane, detected),
        webhooks.injection([each for each in injectors if _revision(each) == revision], revision),
        webhooks.validation(by_kind.get("ValidatingWebhookConfiguration", [])),
        *_agents(detected),
        *_waypoints(by_kind.get("Gateway", [])),
        *_enrolment(by_kind.get("Namespace", []), places, ztunnel is not None),
    ]
    return Detected(**{name: getattr(detected, name) for name in detected.__struct_fields__ if name != "conditions"},
                    conditions=conditions)  # fmt: skip


def _control_plane(plane: Body, detected: Detected) -> Condition:
    wanted = k8s.at(plane, "spec", "replicas")
    wanted = wanted if isinstance(wanted, int) else 1
    ready = int(k8s.at(plane, "status", "availableReplicas") or 0)
    name = k8s.at(plane, "metadata", "name")
    if wanted and ready >= wanted:
        return _fine("ControlPlaneReady", f"{ready} of {wanted} replicas of {name} are available")
    remedy = f"look at kubectl -n {detected.namespace} describe deployment {name}" if wanted else "scale it up"
    return _wrong("ControlPlaneReady", "Unavailable", f"{ready} of {wanted} replicas of {name} are available: {remedy}")


def _agents(detected: Detected) -> list[Condition]:
    conditions = []
    for kind, agent in (("CniReady", detected.cni), ("ZtunnelReady", detected.ztunnel)):
        if agent is None:
            continue
        state = f"{agent.ready} of {agent.wanted} nodes have {agent.name}"
        if agent.ready < agent.wanted or not agent.wanted:
            remedy = f"look at kubectl -n {agent.namespace} describe daemonset {agent.name}"
            conditions.append(_wrong(kind, "NotOnAllNodes", f"{state}: {remedy}"))
        elif _apart(agent.version, detected.version):
            detail = (
                f"{agent.name} is {agent.version} and istiod {detected.version}: bring them within one minor version"
            )
            conditions.append(_wrong(kind, "VersionSkew", detail))
        else:
            conditions.append(_fine(kind, state))
    if detected.ztunnel and not detected.cni:
        detail = "ztunnel runs without Istio's CNI plugin, so no traffic is led to it: install the cni chart"
        conditions.append(_wrong("CniReady", "Missing", detail))
    return conditions


def _waypoints(gateways: Sequence[Body]) -> list[Condition]:
    waiting = [f"{each.namespace}/{each.name}" for each in observing.waypoints(gateways) if not each.ready]
    if not waiting:
        return []
    detail = f"not programmed: {', '.join(waiting)}; look at the status of these Gateways"
    return [_wrong("WaypointsReady", "NotProgrammed", detail)]


def _enrolment(bodies: Sequence[Body], places: Sequence[NamespaceFacts], ambient: bool) -> list[Condition]:
    twice = [
        str(k8s.at(each, "metadata", "name"))
        for each in bodies
        if {observing.INJECTION, REVISION} <= _labels(each).keys()
    ]
    conditions = []
    if twice:
        detail = f"{', '.join(sorted(twice))}: both {observing.INJECTION} and {REVISION} are set; remove one of them"
        conditions.append(_wrong("NamespacesEnrolled", "TwoLabels", detail))
    lost = [each.name for each in places if each.mode == "ambient"]
    if lost and not ambient:
        detail = f"{', '.join(lost)} ask for ambient, and there is no ztunnel: install the profile ambient"
        conditions.append(_wrong("NamespacesEnrolled", "NoZtunnel", detail))
    return conditions


def _installer(plane: Body) -> Installer:
    meta = plane.get("metadata") or {}
    labels, annotations = _labels(plane), meta.get("annotations") or {}
    if any(each.get("kind") in ("IstioRevision", "Istio") for each in meta.get("ownerReferences") or []):
        return "operator"
    managers = [str(each.get("manager")) for each in meta.get("managedFields") or [] if not each.get("subresource")]
    if any(each.startswith("meshwright") for each in managers):
        return "meshwright"
    if labels.get("install.operator.istio.io/owning-resource", "unknown") != "unknown" or "istio-operator" in managers:
        return "istioctl"
    return "helm" if annotations.get("meta.helm.sh/release-name") else "manifests"


def _tags(injectors: Iterable[Body]) -> dict[str, str]:
    tags = {}
    for each in injectors:
        labels, name = _labels(each), str(k8s.at(each, "metadata", "name"))
        if name.startswith(_TAGGED) or labels.get(TAG):
            tags[labels.get(TAG) or name.removeprefix(_TAGGED)] = _revision(each)
    return tags


def _revision(body: Body) -> str:
    return _labels(body).get(REVISION) or DEFAULT_REVISION


def _is_ztunnel(body: Body) -> bool:
    return "ztunnel" in (_labels(body).get("app", ""), _labels(body).get("app.kubernetes.io/name", ""))


def _agent(body: Body) -> NodeAgent:
    images = [str(each.get("image")) for each in k8s.at(body, "spec", "template", "spec", "containers") or []]
    tag = _IMAGE.search(images[0]) if images else None
    version = tag["tag"].removesuffix("-distroless") if tag else ""
    status = body.get("status") or {}
    return NodeAgent(
        namespace=str(k8s.at(body, "metadata", "namespace") or ""),
        name=str(k8s.at(body, "metadata", "name") or ""),
        version=version if numbers(version) else "",
        wanted=int(status.get("desiredNumberScheduled") or 0),
        ready=int(status.get("numberReady") or 0),
    )


def _apart(one: str, other: str) -> bool:
    """Whether two versions are more than one minor apart."""
    ours, theirs = numbers(one)[:2], numbers(other)[:2]
    if len(ours) < 2 or len(theirs) < 2:
        return False
    return ours[0] != theirs[0] or abs(ours[1] - theirs[1]) > 1


def _labels(body: Body) -> dict[str, str]:
    return {str(key): str(value) for key, value in (k8s.at(body, "metadata", "labels") or {}).items()}


def _fine(kind: str, message: str) -> Condition:
    return Condition(type=kind, status="True", reason="AsExpected", message=message[:2000])


def _wrong(kind: str, reason: str, message: str) -> Condition:
    return Condition(type=kind, status="False", reason=reason, message=message[:2000])
