"""The facts themselves: services, workloads, and what others have made.

Invariant: plain values that tests can write down; nothing here reads a cluster. `observing` makes them of objects.
"""

from typing import Any, ClassVar, Literal, TypeAlias

from meshwright.core.kit.target import Facts
from meshwright.schemas.base import Model, service_parts
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.references import ResourceRef

Mode: TypeAlias = Literal["none", "sidecar", "ambient"]
"""how the new pods of a workload take part"""
DOMAIN = "cluster.local"


class ServicePort(Model, frozen=True, kw_only=True):
    """A port of a service."""

    number: int
    name: str = ""
    app_protocol: str = ""
    target: int | str = 0
    """the number or the name of the port of its pods, as the service has it"""
    container: int = 0
    """its number at the pods, 0 where they disagree or nobody knows"""
    http: bool = True
    """whether the mesh looks for requests there"""


class Service(Model, frozen=True, kw_only=True):
    """What clients address."""

    namespace: str
    name: str
    labels: dict[str, str] = {}
    ports: list[ServicePort] = []
    selector: dict[str, str] = {}

    @property
    def http_ports(self) -> list[ServicePort]:
        """The ports on which the mesh looks for requests."""
        return [each for each in self.ports if each.http]

    def host(self, domain: str = DOMAIN) -> str:
        """The name under which it is known everywhere."""
        return f"{self.name}.{self.namespace}.svc.{domain}"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}" if self.namespace else self.name


class Workload(Model, frozen=True, kw_only=True):
    """A Deployment, StatefulSet or DaemonSet. Labels and annotations are those of its pods."""

    namespace: str
    name: str
    kind: str = "Deployment"
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    service_account: str = "default"
    replicas: int = 1
    mode: Mode = "sidecar"


class Existing(Model, frozen=True, kw_only=True):
    """A resource that is there already, and that this design has not made. `owner` is for people."""

    ref: ResourceRef
    owner: str
    spec: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.ref} (of {self.owner})"


class KubernetesFacts(Facts, frozen=True, kw_only=True):
    """One mesh of Kubernetes as it is, and the design that is to be translated."""

    version_keys: ClassVar[tuple[str, ...]] = ("version", "app.kubernetes.io/version")
    """the labels that tell the versions of a service apart, best first"""

    trust_domain: str = DOMAIN
    gateway_api: bool = False
    """whether the cluster serves the Gateway API, and the mesh takes it"""
    services: list[Service] = []
    workloads: list[Workload] = []
    existing: list[Existing] = []
    design: str = ""
    namespace: str = "default"
    """what the design's short service names mean"""
    take_over: bool = False
    """whether the design may have what others have made"""
    intents: list[AnyIntent] = []
    """of the whole design: what they say of one service becomes one resource"""

    def service(self, name: str) -> Service | None:
        """The service that an intent names."""
        namespace, short = service_parts(name, self.namespace)
        return next((each for each in self.services if (each.namespace, each.name) == (namespace, short)), None)

    def service_of(self, intent: object) -> Service | None:
        """The service that an intent is about."""
        return self.service(getattr(intent, "service", None) or "")

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
        for key in self.version_keys:
            if any(each.labels.get(key) == version for each in self.workloads_of(service)):
                return {key: version}
        return {}

    def versions(self, service: Service) -> list[str]:
        """The versions of a service, for people."""
        named = [
            next((each.labels[key] for key in self.version_keys if key in each.labels), "")
            for each in self.workloads_of(service)
        ]
        return sorted({each for each in named if each})

    def those(self, *kinds: str) -> list[Existing]:
        """What is there already of these kinds."""
        return [each for each in self.existing if each.ref.kind in kinds]

    def intents_with(self, intent: AnyIntent) -> list[AnyIntent]:
        """The intents of the design, with this one in them."""
        return self.intents if intent in self.intents else [*self.intents, intent]

    def said(self, service: Service, intent: AnyIntent | None = None) -> list[AnyIntent]:
        """What the design says of one service, with this intent in it."""
        everything = self.intents if intent is None else self.intents_with(intent)
        return [each for each in everything if self.service_of(each) == service]
