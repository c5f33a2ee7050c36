"""What translators know of a Linkerd mesh: its control plane, services and workloads, and what stands there already.

Invariant: facts are plain values that tests can write down; nothing here reads a cluster. `observing` makes them of
Kubernetes objects.
"""

from typing import Any

from meshwright.adapters.linkerd import words
from meshwright.core import kit
from meshwright.schemas.base import Model, service_parts
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.references import ResourceRef

VERSION_LABELS = ("version", "app.kubernetes.io/version")
"""which tell the versions of a service apart, best first"""
_OPAQUE = frozenset({25, 587, 3306, 4444, 5432, 6379, 9300, 11211})
"""the ports that Linkerd carries without looking into them, unless it is told others"""


class ServicePort(Model, frozen=True, kw_only=True):
    """A port of a service. `target` is the number or the name of the port of its pods."""

    number: int
    name: str = ""
    target: int | str = 0
    opaque: bool = False
    """whether Linkerd carries its bytes without looking for requests"""
    app_protocol: str = ""


class Service(Model, frozen=True, kw_only=True):
    """What clients address."""

    namespace: str
    name: str
    ports: list[ServicePort] = []
    selector: dict[str, str] = {}

    @property
    def http_ports(self) -> list[ServicePort]:
        """The ports on which Linkerd looks for requests."""
        return [each for each in self.ports if not each.opaque]

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
    meshed: bool = True
    """whether its new pods get a proxy"""
    inbound_policy: str = "all-unauthenticated"
    """whom its pods let in where no Server says it"""


class Existing(Model, frozen=True, kw_only=True):
    """A resource that is there already, and that this design has not made. `owner` is for people."""

    ref: ResourceRef
    owner: str
    spec: dict[str, Any] = {}

    def __str__(self) -> str:
        return f"{self.ref} (of {self.owner})"


class LinkerdFacts(kit.Facts, frozen=True, kw_only=True):
    """One Linkerd mesh as it is, and the design that is to be translated. `version` is its minor version."""

    release: str = ""
    """as it was published: edge-26.6.3"""
    plane: str = words.NAMESPACE
    """the namespace of its control plane"""
    trust_domain: str = words.DOMAIN
    cluster_domain: str = words.DOMAIN
    egress_namespace: str = words.EGRESS_NAMESPACE
    has_egress_namespace: bool = True
    gateway_api: bool = False
    """whether the cluster serves HTTPRoute of the Gateway API as v1"""
    tls_route: str = ""
    """the version under which the cluster serves TLSRoute; empty: it does not"""
    services: list[Service] = []
    workloads: list[Workload] = []
    existing: list[Existing] = []
    design: str = ""
    namespace: str = "default"
    """what the design's short service names mean"""
    intents: list[AnyIntent] = []
    """of the whole design: what they say of one service becomes one resource"""

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

    def those(self, *kinds: str) -> list[Existing]:
        """What is there already of these kinds."""
        return [each for each in self.existing if each.ref.kind in kinds]

    def said(self, service: Service, intent: AnyIntent | None = None) -> list[AnyIntent]:
        """What the design says of one service, with this intent in it."""
        everything = self.intents if intent is None or intent in self.intents else [*self.intents, intent]
        return [each for each in everything if self.service(getattr(each, "service", None) or "") == service]


def is_opaque_by_default(port: int) -> bool:
    """Whether Linkerd, when nobody says otherwise, does not look for requests on a port."""
    return port in _OPAQUE
