"""From Kubernetes objects to the facts of a Linkerd mesh.

Invariant: pure functions of plain objects, of which any may lack any field; what this design has made itself is no
obstacle to it, so it is left out of what exists.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from meshwright.adapters.linkerd import facts, words
from meshwright.adapters.linkerd.facts import Existing, Service, ServicePort, Workload
from meshwright.core.kit import kubernetes as k8s

Body = dict[str, Any]
EXISTING = (
    (words.GATEWAYS, "HTTPRoute"),
    (words.GATEWAYS, "GRPCRoute"),
    (words.POLICY, "HTTPRoute"),
    (words.POLICY, "Server"),
    (words.POLICY, "HTTPLocalRateLimitPolicy"),
    (words.POLICY, "EgressNetwork"),
    (words.PROFILES, "ServiceProfile"),
)
"""what may stand in the way of a design"""
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")
_OPAQUE_PROTOCOLS = ("linkerd.io/opaque", "linkerd.io/tcp")


def is_injected(pod: Mapping[str, str], namespace: Mapping[str, str]) -> bool:
    """Whether new pods with these annotations get a proxy in a namespace with those."""
    return (pod.get(words.INJECT) or namespace.get(words.INJECT, "")) in words.INJECTED


def workloads(bodies: Iterable[Body], namespaces: Mapping[str, Mapping[str, str]], policy: str) -> list[Workload]:
    """The workloads of objects. `namespaces` are the annotations of each, `policy` the default of the mesh."""
    observed = []
    for body in bodies:
        template = k8s.at(body, "spec", "template") or {}
        place, own = namespaces.get(namespace_of(body), {}), marks(template, "annotations")
        wanted = k8s.at(body, "spec", "replicas")
        observed.append(
            Workload(
                namespace=namespace_of(body),
                name=name_of(body),
                kind=str(body.get("kind", "")),
                labels=marks(template, "labels"),
                service_account=str(k8s.at(template, "spec", "serviceAccountName") or "default"),
                replicas=wanted if isinstance(wanted, int) else 1,
                meshed=is_injected(own, place) and not k8s.at(template, "spec", "hostNetwork"),
                inbound_policy=own.get(words.INBOUND_POLICY) or place.get(words.INBOUND_POLICY) or policy,
            )
        )
    return sorted(observed, key=lambda each: (each.namespace, each.name, each.kind))


def services(bodies: Iterable[Body], namespaces: Mapping[str, Mapping[str, str]]) -> list[Service]:
    """The services of objects."""
    observed = []
    for body in bodies:
        own = marks(body, "annotations").get(words.OPAQUE_PORTS)
        said = own if own is not None else namespaces.get(namespace_of(body), {}).get(words.OPAQUE_PORTS)
        selector = {str(key): str(value) for key, value in (k8s.at(body, "spec", "selector") or {}).items()}
        ports = [_port(each, said) for each in k8s.at(body, "spec", "ports") or [] if _is_tcp(each)]
        observed.append(Service(namespace=namespace_of(body), name=name_of(body), ports=ports, selector=selector))
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
        owner = ", ".join(others) or "somebody"
        observed.append(Existing(ref=k8s.reference_of(body), owner=owner, spec=body.get("spec") or {}))
    return sorted(observed, key=lambda each: each.ref)


def marks(body: Body, field: str) -> dict[str, str]:
    """The labels or annotations of an object."""
    return {str(key): str(value) for key, value in (k8s.at(body, "metadata", field) or {}).items()}


def name_of(body: Body) -> str:
    """The name of an object."""
    return str(k8s.at(body, "metadata", "name") or "")


def namespace_of(body: Body) -> str:
    """The namespace of an object."""
    return str(k8s.at(body, "metadata", "namespace") or "")


def _is_tcp(port: Body) -> bool:
    return str(port.get("protocol") or "TCP") == "TCP"


def _port(body: Body, opaque: str | None) -> ServicePort:
    number = int(body.get("port") or 0)
    protocol = str(body.get("appProtocol") or "")
    if protocol:
        is_opaque = protocol in _OPAQUE_PROTOCOLS
    elif opaque is not None:
        is_opaque = _among(number, str(body.get("name") or ""), opaque)
    else:
        is_opaque = facts.is_opaque_by_default(number)
    return ServicePort(
        number=number,
        name=str(body.get("name") or ""),
        target=body.get("targetPort") or number,
        opaque=is_opaque,
        app_protocol=protocol,
    )


def _among(number: int, name: str, ports: str) -> bool:
    """Whether a list of ports, ranges of ports and names has a port."""
    for each in (part.strip() for part in ports.split(",")):
        first, _, last = each.partition("-")
        if each == name and name:
            return True
        if first.isdigit() and int(first) <= number <= int(last if last.isdigit() else first):
            return True
    return False
