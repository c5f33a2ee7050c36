"""The shapes of Istio's and Kubernetes' resources that several analyzers read.

Invariant: what people write may have any shape; whatever is not as the schema has it is passed over here.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.core.kit.analysis import Manifest, Manifests
from meshwright.core.kit.analysis.manifests import items, mapping

NETWORKING = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
EXTENSIONS = "extensions.istio.io"
GATEWAY_API = "gateway.networking.k8s.io"
MESH_GATEWAY = "mesh"
ROOT_NAMESPACE = "istio-system"
SYSTEM_NAMESPACES = frozenset({ROOT_NAMESPACE, "kube-system", "kube-public", "kube-node-lease"})
"""those of the cluster and of Istio itself, which are not members of the mesh"""
EVERYWHERE = "*"
SERVICES = (("", "Service"), (NETWORKING, "ServiceEntry"))
TEMPLATED = (("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "DaemonSet"), ("apps", "ReplicaSet"))
PODS = (("", "Pod"), *TEMPLATED)


class Pods(msgspec.Struct, frozen=True):
    """Pods with the same labels: one Pod, or the pods of a workload's template."""

    manifest: Manifest
    labels: dict[str, str]
    annotations: dict[str, str]
    spec: dict[str, Any]
    pointer: str = "#/spec"
    """to `spec`"""

    @property
    def namespace(self) -> str:
        """Where they run."""
        return self.manifest.ref.namespace

    def has(self, selector: dict[str, str]) -> bool:
        """Whether a selector selects them."""
        return selector.items() <= self.labels.items()


class Destination(msgspec.Struct, frozen=True):
    """Where a route of a VirtualService leads."""

    host: str
    subset: str
    port: int
    pointer: str


def pods(manifests: Manifests) -> list[Pods]:
    """The pods that are there, and those that workloads will start."""
    groups = [Pods(each, each.labels, each.annotations, each.spec) for each in manifests.of("", "Pod")]
    for group, kind in TEMPLATED:
        for each in manifests.of(group, kind):
            template = mapping(each.spec.get("template"))
            metadata = mapping(template.get("metadata"))
            labels, annotations = mapping(metadata.get("labels")), mapping(metadata.get("annotations"))
            groups.append(Pods(each, labels, annotations, mapping(template.get("spec")), "#/spec/template/spec"))
    return groups


def routes(virtual_service: Manifest) -> Iterator[tuple[dict[str, Any], str]]:
    """The HTTP, TLS and TCP routes of a VirtualService, each with the pointer to it."""
    for protocol in ("http", "tls", "tcp"):
        for index, route in enumerate(items(virtual_service.spec.get(protocol))):
            yield mapping(route), f"#/spec/{protocol}/{index}"


def destinations(virtual_service: Manifest) -> Iterator[Destination]:
    """Everything that a VirtualService sends requests to, mirrors among it."""
    for route, pointer in routes(virtual_service):
        for index, each in enumerate(items(route.get("route"))):
            yield _destination(mapping(each).get("destination"), f"{pointer}/route/{index}/destination")
        if "mirror" in route:
            yield _destination(route["mirror"], f"{pointer}/mirror")
        for index, each in enumerate(items(route.get("mirrors"))):
            yield _destination(mapping(each).get("destination"), f"{pointer}/mirrors/{index}/destination")


def gateways(virtual_service: Manifest) -> list[str]:
    """What a VirtualService is bound to, as `namespace/name`, or `mesh`."""
    named = [each for each in items(virtual_service.spec.get("gateways")) if isinstance(each, str)]
    return [
        each if each == MESH_GATEWAY or "/" in each else f"{virtual_service.ref.namespace}/{each}"
        for each in named or [MESH_GATEWAY]
    ]


def hosts(manifest: Manifest) -> list[str]:
    """`spec.hosts`."""
    return [each for each in items(manifest.spec.get("hosts")) if isinstance(each, str)]


def exported_to(manifest: Manifest) -> set[str]:
    """The namespaces in which a resource is visible; `*` for all."""
    named = [each for each in items(manifest.spec.get("exportTo")) if isinstance(each, str)]
    return {manifest.ref.namespace if each == "." else each for each in named or [EVERYWHERE]}


def selector(manifest: Manifest) -> dict[str, str] | None:
    """The labels by which a policy selects pods; None when it selects all."""
    spec = manifest.spec
    chosen = mapping(spec.get("selector")).get("matchLabels") or mapping(spec.get("workloadSelector")).get("labels")
    return chosen if isinstance(chosen, dict) and chosen else None


def is_attached(policy: Manifest) -> bool:
    """Whether a policy names what it is for, in place of labels."""
    return bool(policy.spec.get("targetRef") or policy.spec.get("targetRefs"))


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    """The containers of a pod, those of its initialization among them."""
    return [mapping(each) for key in ("containers", "initContainers") for each in items(spec.get(key))]


def number(value: Any) -> int:
    """A port number; 0 when it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _destination(value: Any, pointer: str) -> Destination:
    written = mapping(value)
    port = number(mapping(written.get("port")).get("number"))
    return Destination(str(written.get("host") or ""), str(written.get("subset") or ""), port, pointer)
