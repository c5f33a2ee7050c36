"""What objects say to Kuma: which pods get a proxy, in which mesh, and on which ports it looks for requests.

Invariant: pure functions of plain objects, of which any may lack any field.
"""

from collections.abc import Mapping
from typing import Any

from meshwright.adapters.kuma import words
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.kit.kubernetes.facts import Mode, ServicePort

Body = dict[str, Any]
Marks = Mapping[str, str]
EXISTING = (
    (words.GROUP, "MeshHTTPRoute"),
    (words.GROUP, "MeshRetry"),
    (words.GROUP, "MeshTimeout"),
    (words.GROUP, "MeshCircuitBreaker"),
    (words.GROUP, "MeshLoadBalancingStrategy"),
    (words.GROUP, "MeshFaultInjection"),
    (words.GROUP, "MeshRateLimit"),
    (words.GROUP, "MeshTLS"),
    (words.GROUP, "MeshTrafficPermission"),
    (words.GROUP, "MeshAccessLog"),
    (words.GROUP, "MeshPassthrough"),
    (words.GROUP, "MeshIdentity"),
    ("gateway.networking.k8s.io", "HTTPRoute"),
)
"""what may stand in the way of a design"""
_PROTOCOL = ".service.kuma.io/protocol"
HTTP = frozenset({"http", "http2", "grpc", "kubernetes.io/h2c"})


def is_injected(pod: Marks, namespace: Marks) -> bool:
    """Whether new pods with these labels get a proxy in a namespace with those, which must have the label, too."""
    own = pod.get(words.INJECTION)
    if own is not None:
        return own in words.INJECTED and words.INJECTION in namespace
    return namespace.get(words.INJECTION, "") in words.INJECTED


def mesh_of(pod: Marks, namespace: Marks) -> str:
    """The mesh of new pods with these labels in a namespace with those."""
    return pod.get(words.MESH) or namespace.get(words.MESH) or words.DEFAULT_MESH


def mode_of(body: Body, namespaces: Mapping[str, Marks], mesh: str) -> Mode:
    """How the new pods of a workload take part in a mesh; `namespaces` are the labels of each."""
    template = k8s.at(body, "spec", "template") or {}
    pod, place = k8s.labels_of(template), namespaces.get(k8s.namespace_of(body), {})
    taken = is_injected(pod, place) and mesh_of(pod, place) == mesh
    return "sidecar" if taken and not k8s.at(template, "spec", "hostNetwork") else "none"


def is_http(service: Body, port: ServicePort) -> bool:
    """Whether Kuma looks for requests on a port: only where its protocol is said, by the port or by an annotation."""
    said = k8s.annotations_of(service).get(f"{port.number}{_PROTOCOL}", "")
    return (port.app_protocol or said) in HTTP
