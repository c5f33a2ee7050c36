"""What translators know of an Istio mesh: its control plane, its services and workloads, and what routes them already.

Invariant: facts are plain values that tests can write down; nothing here reads a cluster. `observing` makes them of
Kubernetes objects.
"""

from typing import Any, Literal, TypeAlias

from meshwright.core import kit
from meshwright.schemas.base import Model, service_parts
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.references import ResourceRef

Mode: TypeAlias = Literal["none", "sidecar", "ambient"]
ROOT = "istio-system"
DOMAIN = "cluster.local"
CLASSIC = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
GATEWAYS = "gateway.networking.k8s.io"
VERSION_LABELS = ("version", "app.kubernetes.io/version", "service.istio.io/canonical-revision")
"""which tell the versions of a service apart, best first"""
_NOT_HTTP = ("tcp", "tls", "https", "mongo", "mysql", "redis", "udp")


class ServicePort(Model, frozen=True, kw_only=True):
    """A port of a service. `target` is the port of its workloads, 0 where they disagree or nobody knows."""

    number: int
    name: str = ""
    protocol: str = ""
    """what `appProtocol` says, else what the name begins with"""
    target: int = 0

    @property
    def may_be_http(self) -> bool:
        """Whether Istio routes requests there: named so, or found out by looking."""
        return self.protocol.lower().removeprefix("kubernetes.io/") not in _NOT_HTTP


class Service(Model, frozen=True, kw_only=True):
    """What clients address."""

    namespace: str
    name: str
    ports: list[ServicePort] = []
    selector: dict[str, str] = {}
    waypoint: str = ""
    """`namespace/name` of the waypoint that its requests go through"""

    @property
    def host(self) -> str:
        """The name under which Istio knows it everywhere."""
        return f"{self.name}.{self.namespace}.svc.{DOMAIN}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Workload(Model, frozen=True, kw_only=True):
    """A Deployment, StatefulSet or DaemonSet. `labels` are those of its pods."""

    namespace: str
    name: str
    kind: str = "Deployment"
    labels: dict[str, str] = {}
    service_account: str = "default"
    replicas: int = 1
    mode: Mode = "sidecar"


class NamespaceFacts(Model, frozen=True, kw_only=True):
    """How a namespace is enrolled. `revision` is that of its control plane, tags resolved."""

    name: str
    mode: Mode = "none"
    revision: str = ""


class Waypoint(Model, frozen=True, kw_only=True):
    """A proxy for the services of ambient namespaces."""

    namespace: str
    name: str
    service_account: str
    ready: bool = True


class IngressGateway(Model, frozen=True, kw_only=True):
    """Proxies at the edge, which Gateways select by these labels."""

    namespace: str
    name: str
    labels: dict[str, str]


class Existing(Model, frozen=True, kw_only=True):
    """A resource that is there already, and that this design has not made. `owner` is for people."""

    ref: ResourceRef
    owner: str
    spec: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.ref} (of {self.owner})"


class IstioFacts(kit.Facts, frozen=True, kw_only=True):
    """One Istio mesh as it is, and the design that is to be translated."""

    root: str = ROOT
    trust_domain: str = DOMAIN
    revision: str = "default"
    json_log: str = ""
    """the provider of access logs that writes JSON; empty: none does"""
    gateway_api: bool = False
    """whether the cluster serves Gateway and HTTPRoute, and istiod takes them"""
    namespaces: list[NamespaceFacts] = []
    services: list[Service] = []
    workloads: list[Workload] = []
    waypoints: list[Waypoint] = []
    gateways: list[IngressGateway] = []
    existing: list[Existing] = []
    design: str = ""
    namespace: str = "default"
    """what the design's short service names mean"""
    take_over: bool = False
    """whether the design may have what others have made"""
    intents: list[AnyIntent] = []
    """of the whole design: what they say of one host becomes one resource"""

    def service(self, name: str) -> Service | None:
        """The service that an intent names."""
        namespace, short = service_parts(name, self.namespace)
        return next((each for each in self.services if (each.namespace, each.name) == (namespace, short)), None)

    def workloads_of(self, service: Service) -> list[Workload]:
        """The workloads behind a service."""
        return [
            each
            for each in self.workloads
            if each.namespace == service.namespace
            and service.selector
            and service.selector.items() <= each.labels.items()
        ]

    def version_labels(self, service: Service, version: str) -> dict[str, str]:
        """The labels that the pods of a version have and those of other versions have not; empty: no such version."""
        for key in VERSION_LABELS:
            if any(each.labels.get(key) == version for each in self.workloads_of(service)):
                return {key: version}
        return {}

    def versions(self, service: Service) -> list[str]:
        """The versions of a service, for people."""
        labels = [each.labels for each in self.workloads_of(service)]
        return sorted({value for each in labels if (value := next((each[k] for k in VERSION_LABELS if k in each), ""))})

    def mode(self, namespace: str) -> Mode:
        """How the workloads of a namespace are enrolled."""
        return next((each.mode for each in self.namespaces if each.name == namespace), "none")

    def mode_of(self, service: Service) -> Mode:
        """How the workloads of a service are enrolled: as the first of them, or else as their namespace."""
        workloads = self.workloads_of(service)
        return workloads[0].mode if workloads else self.mode(service.namespace)

    def waypoint_of(self, service: Service) -> Waypoint | None:
        """The waypoint of a service."""
        namespace, _, name = service.waypoint.rpartition("/")
        return next((each for each in self.waypoints if (each.namespace, each.name) == (namespace, name)), None)

    def those(self, kind: str) -> list[Existing]:
        """What is there already of a kind."""
        return [each for each in self.existing if each.ref.kind == kind]
