"""What objects say to Linkerd: which pods get a proxy, and on which ports it looks for requests.

Invariant: pure functions of plain objects, of which any may lack any field.
"""

from collections.abc import Mapping
from typing import Any

from meshwright.adapters.linkerd import words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import Mode, ServicePort

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
_OPAQUE = frozenset({25, 587, 3306, 4444, 5432, 6379, 9300, 11211})
"""the ports that Linkerd carries without looking into them, unless it is told others"""
_OPAQUE_PROTOCOLS = ("linkerd.io/opaque", "linkerd.io/tcp")


def is_injected(pod: Mapping[str, str], namespace: Mapping[str, str]) -> bool:
    """Whether new pods with these annotations get a proxy in a namespace with those."""
    return (pod.get(words.INJECT) or namespace.get(words.INJECT, "")) in words.INJECTED


def mode_of(body: Body, namespaces: Mapping[str, Mapping[str, str]]) -> Mode:
    """How the new pods of a workload take part; `namespaces` are the annotations of each."""
    template = k8s.at(body, "spec", "template") or {}
    place = namespaces.get(k8s.namespace_of(body), {})
    taken = is_injected(k8s.annotations_of(template), place) and not k8s.at(template, "spec", "hostNetwork")
    return "sidecar" if taken else "none"


def is_http(service: Body, port: ServicePort, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether Linkerd looks for requests on a port, and does not only carry its bytes."""
    if port.app_protocol:
        return port.app_protocol not in _OPAQUE_PROTOCOLS
    place = namespaces.get(k8s.namespace_of(service), {})
    said = k8s.annotations_of(service).get(words.OPAQUE_PORTS, place.get(words.OPAQUE_PORTS))
    if said is not None:
        return not _among(port.number, port.name, said)
    return port.number not in _OPAQUE


def _among(number: int, name: str, ports: str) -> bool:
    """Whether a list of ports, ranges of ports and names has a port."""
    for each in (part.strip() for part in ports.split(",")):
        first, _, last = each.partition("-")
        if each == name and name:
            return True
        if first.isdigit() and int(first) <= number <= int(last if last.isdigit() else first):
            return True
    return False
