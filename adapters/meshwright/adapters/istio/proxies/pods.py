"""The pods in which proxies run.

Invariant: pure functions of Pods, of which any may lack any field; a pod has a proxy when it has Istio's container, as
the injector, a gateway's Deployment or ztunnel's DaemonSet gives it.
"""

import re
from collections.abc import Iterable
from typing import Any

from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.base import Model
from meshwright.schemas.workloads import ControllerKind, ProxyMode

Body = dict[str, Any]
INJECTED = "service.istio.io/canonical-name"
"""the label that the injector gives to every pod"""
SIDECAR = "security.istio.io/tlsMode"
"""the label that it gives to those with a sidecar"""
PROXY_CONTAINER = "istio-proxy"
_REVISION = "istio.io/rev"
_TEMPLATES = "inject.istio.io/templates"
_MANAGED = "gateway.istio.io/managed"
_GATEWAY = "gateway.networking.k8s.io/gateway-name"
_HASH = "pod-template-hash"
_TAG = re.compile(r":(?P<tag>[^:@/]+)(@.*)?$")
_OVER = ("Succeeded", "Failed")
_CONTROLLERS: dict[str, ControllerKind] = {"StatefulSet": "statefulset", "DaemonSet": "daemonset"}


class ProxyPod(Model, frozen=True, kw_only=True):
    """A pod with a proxy."""

    namespace: str
    name: str
    mode: ProxyMode
    revision: str = ""
    """that its proxy came from; empty where it does not say"""
    version: str = ""
    """of its image"""
    running: bool = False
    controller: ControllerKind | None = None
    workload: str = ""
    """the name of its controller"""


def proxy_pods(bodies: Iterable[Body]) -> list[ProxyPod]:
    """Those of these pods that have a proxy and have not ended."""
    return [proxy_pod(each) for each in bodies if _container(each) is not None and not ended(each)]


def without_proxy(bodies: Iterable[Body]) -> list[str]:
    """`namespace/name` of those of these pods that were to have a sidecar and have none."""
    return sorted(
        f"{k8s.at(each, 'metadata', 'namespace')}/{k8s.at(each, 'metadata', 'name')}"
        for each in bodies
        if _container(each) is None
        and not ended(each)
        and not k8s.at(each, "spec", "hostNetwork")
        and _marks(each, "labels").get("sidecar.istio.io/inject") != "false"
        and _marks(each, "annotations").get("sidecar.istio.io/inject") != "false"
    )


def ended(body: Body) -> bool:
    """Whether a pod is over, or about to be."""
    return k8s.at(body, "status", "phase") in _OVER or k8s.at(body, "metadata", "deletionTimestamp") is not None


def proxy_pod(body: Body) -> ProxyPod:
    """A pod as the one of a proxy."""
    container = _container(body) or {}
    tag = _TAG.search(str(container.get("image", "")))
    controller, workload = _controller(body)
    return ProxyPod(
        namespace=str(k8s.at(body, "metadata", "namespace") or ""),
        name=str(k8s.at(body, "metadata", "name") or ""),
        mode=_mode(body),
        revision=_marks(body, "annotations").get(_REVISION) or _marks(body, "labels").get(_REVISION, ""),
        version=tag["tag"].removesuffix("-distroless").removesuffix("-debug") if tag else "",
        running=k8s.at(body, "status", "phase") == "Running",
        controller=controller,
        workload=workload,
    )


def _mode(body: Body) -> ProxyMode:
    labels = _marks(body, "labels")
    if labels.get("app") == "ztunnel":
        return "ztunnel"
    if labels.get(_MANAGED) == "istio.io-mesh-controller":
        return "waypoint"
    templates = _marks(body, "annotations").get(_TEMPLATES, "").split(",")
    return "gateway" if "gateway" in templates or _GATEWAY in labels else "sidecar"


def _container(body: Body) -> Body | None:
    """The container of the proxy: beside the others, or a native sidecar."""
    containers = [*(k8s.at(body, "spec", "containers") or []), *(k8s.at(body, "spec", "initContainers") or [])]
    return next((each for each in containers if each.get("name") == PROXY_CONTAINER), None)


def _controller(body: Body) -> tuple[ControllerKind | None, str]:
    """What made the pod; a ReplicaSet's Deployment is told by the hash in its name."""
    for owner in k8s.at(body, "metadata", "ownerReferences") or []:
        kind, name = str(owner.get("kind")), str(owner.get("name", ""))
        if not owner.get("controller"):
            continue
        if kind in _CONTROLLERS:
            return _CONTROLLERS[kind], name
        suffix = f"-{_marks(body, 'labels').get(_HASH, '')}"
        if kind == "ReplicaSet" and len(suffix) > 1 and name.endswith(suffix):
            return "deployment", name.removesuffix(suffix)
    return None, ""


def _marks(body: Body, field: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in (k8s.at(body, "metadata", field) or {}).items()}
