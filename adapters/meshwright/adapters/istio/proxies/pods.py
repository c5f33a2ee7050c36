"""The pods in which proxies run.

Invariant: pure functions of Pods, of which any may lack any field; a pod has a proxy when it has Istio's container, as
the injector, a gateway's Deployment or ztunnel's DaemonSet gives it.
"""

import re
from collections.abc import Iterable
from typing import Any

from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts.pods import container_of, controller_of, ended
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
_TAG = re.compile(r":(?P<tag>[^:@/]+)(@.*)?$")


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
    return [proxy_pod(each) for each in bodies if has_proxy(each)]


def has_proxy(body: Body) -> bool:
    """Whether a pod has a proxy, and has not ended."""
    return container_of(body, PROXY_CONTAINER) is not None and not ended(body)


def without_proxy(bodies: Iterable[Body]) -> list[str]:
    """`namespace/name` of those of these pods that were to have a sidecar and have none."""
    return sorted(
        f"{k8s.namespace_of(each)}/{k8s.name_of(each)}"
        for each in bodies
        if container_of(each, PROXY_CONTAINER) is None
        and not ended(each)
        and not k8s.at(each, "spec", "hostNetwork")
        and k8s.labels_of(each).get("sidecar.istio.io/inject") != "false"
        and k8s.annotations_of(each).get("sidecar.istio.io/inject") != "false"
    )


def proxy_pod(body: Body) -> ProxyPod:
    """A pod as the one of a proxy."""
    container = container_of(body, PROXY_CONTAINER) or {}
    tag = _TAG.search(str(container.get("image", "")))
    controller, workload = controller_of(body)
    return ProxyPod(
        namespace=k8s.namespace_of(body),
        name=k8s.name_of(body),
        mode=_mode(body),
        revision=k8s.annotations_of(body).get(_REVISION) or k8s.labels_of(body).get(_REVISION, ""),
        version=tag["tag"].removesuffix("-distroless").removesuffix("-debug") if tag else "",
        running=k8s.at(body, "status", "phase") == "Running",
        controller=controller,
        workload=workload,
    )


def _mode(body: Body) -> ProxyMode:
    labels = k8s.labels_of(body)
    if labels.get("app") == "ztunnel":
        return "ztunnel"
    if labels.get(_MANAGED) == "istio.io-mesh-controller":
        return "waypoint"
    templates = k8s.annotations_of(body).get(_TEMPLATES, "").split(",")
    return "gateway" if "gateway" in templates or _GATEWAY in labels else "sidecar"
