"""From Kubernetes objects to what only Istio has: how namespaces and workloads are enrolled, waypoints, gateways.

Invariant: pure functions of plain objects, of which any may lack any field.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meshwright.adapters.istio import facts as known
from meshwright.adapters.istio.enrolment.marks import waypoint_of
from meshwright.adapters.istio.facts import IngressGateway, NamespaceFacts, Waypoint
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import Mode

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
        labels = k8s.labels_of(body)
        mode: Mode = "none"
        revision = ""
        if INJECTION in labels:
            mode = "sidecar" if labels[INJECTION] == "enabled" else "none"
            revision = tags.get("default", "default") if mode == "sidecar" else ""
        elif labels.get(REVISION):
            mode, revision = "sidecar", tags.get(labels[REVISION], labels[REVISION])
        if mode == "none" and labels.get(DATAPLANE) == "ambient":
            mode = "ambient"
        waypoint = waypoint_of(labels, k8s.name_of(body)) or ""
        states.append(NamespaceFacts(name=k8s.name_of(body), mode=mode, revision=revision, waypoint=waypoint))
    return sorted(states, key=lambda each: each.name)


def mode_of(body: Body, enrolled: Mapping[str, Mode]) -> Mode:
    """How the new pods of a workload take part, in namespaces that are enrolled like this."""
    labels = k8s.labels_of(k8s.at(body, "spec", "template") or {})
    result = enrolled.get(k8s.namespace_of(body), "none")
    if result != "ambient" and labels.get(INJECT, "") in ("true", "false"):
        result = "sidecar" if labels[INJECT] == "true" else "none"
    if labels.get(DATAPLANE) in ("ambient", "none") and result != "sidecar":
        result = "ambient" if labels[DATAPLANE] == "ambient" else "none"
    return result


def waypoints(gateways: Iterable[Body]) -> list[Waypoint]:
    """The waypoints among Gateways of the Gateway API."""
    observed = []
    for body in gateways:
        if k8s.at(body, "spec", "gatewayClassName") in WAYPOINT_CLASSES:
            states = {str(each.get("type")): each.get("status") for each in k8s.at(body, "status", "conditions") or []}
            ready = states.get("Programmed", "True") == "True"
            observed.append(
                Waypoint(
                    namespace=k8s.namespace_of(body),
                    name=k8s.name_of(body),
                    service_account=k8s.name_of(body),
                    ready=ready,
                )
            )
    return sorted(observed, key=lambda each: (each.namespace, each.name))


def ingress_gateways(bodies: Iterable[Body]) -> list[IngressGateway]:
    """The proxies at the edge among workloads."""
    observed = []
    for body in bodies:
        template = k8s.at(body, "spec", "template") or {}
        labels = k8s.labels_of(template)
        templates = str((k8s.at(template, "metadata", "annotations") or {}).get(TEMPLATES, ""))
        if "istio" not in labels or "egress" in labels["istio"] or "gateway" not in templates.split(","):
            continue
        observed.append(
            IngressGateway(namespace=k8s.namespace_of(body), name=k8s.name_of(body), labels={"istio": labels["istio"]})
        )
    return sorted(observed, key=lambda each: (each.namespace, each.name))


def json_log(config: Mapping[str, Any]) -> str:
    """The provider of a mesh's configuration that writes access logs as JSON; empty: none."""
    for each in config.get("extensionProviders") or []:
        log = each.get("envoyFileAccessLog")
        if isinstance(log, dict) and k8s.at(log, "logFormat", "labels"):
            return str(each.get("name", ""))
    return _ENVOY if config.get("accessLogEncoding") == "JSON" else ""
