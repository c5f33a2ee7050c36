"""From Kubernetes objects to the facts of an Istio mesh.

Invariant: pure functions of plain objects, of which any may lack any field; what this design has made itself is no
obstacle to it, so it is left out of what exists.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meshwright.adapters.istio import facts as known
from meshwright.adapters.istio.enrolment.marks import waypoint_of
from meshwright.adapters.istio.facts import (
    Existing,
    IngressGateway,
    Mode,
    NamespaceFacts,
    Service,
    ServicePort,
    Waypoint,
    Workload,
)
from meshwright.core.kit import kubernetes as k8s

Body = dict[str, Any]
EXISTING = (
    (known.CLASSIC, "VirtualService"),
    (known.CLASSIC, "DestinationRule"),
    (known.CLASSIC, "ServiceEntry"),
    (known.CLASSIC, "Sidecar"),
    (known.SECURITY, "PeerAuthentication"),
    (known.TELEMETRY, "Telemetry"),
    (known.GATEWAYS, "HTTPRoute"),
    (known.GATEWAYS, "GRPCRoute"),
)
"""what may stand in the way of a design"""
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
DATAPLANE = "istio.io/dataplane-mode"
INJECTION = "istio-injection"
REVISION = "istio.io/rev"
INJECT = "sidecar.istio.io/inject"
TEMPLATES = "inject.istio.io/templates"
WAYPOINT_CLASSES = ("istio-waypoint", "istio-agentgateway-waypoint")
_ENVOY = "envoy"


def namespaces(bodies: Iterable[Body], tags: Mapping[str, str]) -> list[NamespaceFacts]:
    """How namespaces are enrolled; `tags` are names of revisions that namespaces follow."""
    states = []
    for body in bodies:
        labels = _labels(body)
        mode: Mode = "none"
        revision = ""
        if INJECTION in labels:
            mode = "sidecar" if labels[INJECTION] == "enabled" else "none"
            revision = tags.get("default", "default") if mode == "sidecar" else ""
        elif labels.get(REVISION):
            mode, revision = "sidecar", tags.get(labels[REVISION], labels[REVISION])
        if mode == "none" and labels.get(DATAPLANE) == "ambient":
            mode = "ambient"
        states.append(NamespaceFacts(name=_name(body), mode=mode, revision=revision))
    return sorted(states, key=lambda each: each.name)


def workloads(bodies: Iterable[Body], enrolled: Mapping[str, Mode]) -> list[Workload]:
    """The workloads of objects, as their pods are enrolled."""
    observed = []
    for body in bodies:
        template = k8s.at(body, "spec", "template") or {}
        labels = _labels(template)
        namespace = _namespace(body)
        mode = enrolled.get(namespace, "none")
        if mode != "ambient" and labels.get(INJECT, "") in ("true", "false"):
            mode = "sidecar" if labels[INJECT] == "true" else "none"
        if labels.get(DATAPLANE) in ("ambient", "none") and mode != "sidecar":
            mode = "ambient" if labels[DATAPLANE] == "ambient" else "none"
        wanted = k8s.at(body, "spec", "replicas")
        observed.append(
            Workload(
                namespace=namespace,
                name=_name(body),
                kind=str(body.get("kind", "")),
                labels=labels,
                service_account=str(k8s.at(template, "spec", "serviceAccountName") or "default"),
                replicas=wanted if isinstance(wanted, int) else 1,
                mode=mode,
            )
        )
    return sorted(observed, key=lambda each: (each.namespace, each.name, each.kind))


def services(bodies: Iterable[Body], pods: Iterable[Body], waypoints: Mapping[str, str]) -> list[Service]:
    """The services of objects. `pods` are workloads, `waypoints` those of namespaces as `namespace/name`."""
    templates = [(_namespace(each), k8s.at(each, "spec", "template") or {}) for each in pods]
    observed = []
    for body in bodies:
        namespace = _namespace(body)
        selector = {str(key): str(value) for key, value in (k8s.at(body, "spec", "selector") or {}).items()}
        mine = [
            template
            for place, template in templates
            if place == namespace and selector and selector.items() <= _labels(template).items()
        ]
        ports = [_port(each, mine) for each in k8s.at(body, "spec", "ports") or [] if each.get("protocol") != "UDP"]
        own = waypoint_of(_labels(body), namespace)
        waypoint = waypoints.get(namespace, "") if own is None else own
        observed.append(
            Service(namespace=namespace, name=_name(body), ports=ports, selector=selector, waypoint=waypoint)
        )
    return sorted(observed, key=lambda each: (each.namespace, each.name))


def namespace_waypoints(bodies: Iterable[Body]) -> dict[str, str]:
    """The waypoints that namespaces name for all of their services."""
    chosen = {_name(each): waypoint_of(_labels(each), _name(each)) for each in bodies}
    return {name: waypoint for name, waypoint in chosen.items() if waypoint}


def waypoints(gateways: Iterable[Body]) -> list[Waypoint]:
    """The waypoints among Gateways of the Gateway API."""
    observed = []
    for body in gateways:
        if k8s.at(body, "spec", "gatewayClassName") in WAYPOINT_CLASSES:
            states = {str(each.get("type")): each.get("status") for each in k8s.at(body, "status", "conditions") or []}
            ready = states.get("Programmed", "True") == "True"
            observed.append(
                Waypoint(namespace=_namespace(body), name=_name(body), service_account=_name(body), ready=ready)
            )
    return sorted(observed, key=lambda each: (each.namespace, each.name))


def ingress_gateways(bodies: Iterable[Body]) -> list[IngressGateway]:
    """The proxies at the edge among workloads."""
    observed = []
    for body in bodies:
        template = k8s.at(body, "spec", "template") or {}
        labels = _labels(template)
        templates = str((k8s.at(template, "metadata", "annotations") or {}).get(TEMPLATES, ""))
        if "istio" not in labels or "egress" in labels["istio"] or "gateway" not in templates.split(","):
            continue
        observed.append(IngressGateway(namespace=_namespace(body), name=_name(body), labels={"istio": labels["istio"]}))
    return sorted(observed, key=lambda each: (each.namespace, each.name))


def existing(bodies: Iterable[Body], manager: str) -> list[Existing]:
    """What others than the field manager of this design have made."""
    observed = []
    for body in bodies:
        entries = k8s.at(body, "metadata", "managedFields") or []
        managers = [str(each.get("manager")) for each in entries if not each.get("subresource")]
        if manager in managers and len(set(managers)) == 1:
            continue
        others = dict.fromkeys(k8s.words(each) for each in managers if each != manager)
        spec = body.get("spec") or {}
        ref = k8s.reference_of(body)
        observed.append(Existing(ref=ref, owner=", ".join(others) or "somebody", spec=spec))
    return sorted(observed, key=lambda each: each.ref)


def json_log(config: Mapping[str, Any]) -> str:
    """The provider of a mesh's configuration that writes access logs as JSON; empty: none."""
    for each in config.get("extensionProviders") or []:
        log = each.get("envoyFileAccessLog")
        if isinstance(log, dict) and k8s.at(log, "logFormat", "labels"):
            return str(each.get("name", ""))
    return _ENVOY if config.get("accessLogEncoding") == "JSON" else ""


def _port(body: Body, templates: list[Body]) -> ServicePort:
    name, number = str(body.get("name", "")), int(body.get("port") or 0)
    target = body.get("targetPort") or number
    if isinstance(target, str):
        numbers = {_numbered(each, target) for each in templates}
        target = numbers.pop() if len(numbers) == 1 else 0
    protocol = str(body.get("appProtocol") or name.partition("-")[0])
    return ServicePort(number=number, name=name, protocol=protocol, target=int(target))


def _numbered(template: Body, name: str) -> int:
    for container in k8s.at(template, "spec", "containers") or []:
        for port in container.get("ports") or []:
            if port.get("name") == name:
                return int(port.get("containerPort") or 0)
    return 0


def _labels(body: Body) -> dict[str, str]:
    return {str(key): str(value) for key, value in (k8s.at(body, "metadata", "labels") or {}).items()}


def _name(body: Body) -> str:
    return str(k8s.at(body, "metadata", "name") or "")


def _namespace(body: Body) -> str:
    return str(k8s.at(body, "metadata", "namespace") or "")
