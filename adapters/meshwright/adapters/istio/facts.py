"""What translators know of an Istio mesh: its control plane, its services and workloads, and what routes them already.

Invariant: facts are plain values that tests can write down; nothing here reads a cluster. `observing` makes them of
Kubernetes objects.
"""

from typing import ClassVar

from meshwright.adapters.istio.enrolment.marks import waypoint_of
from meshwright.core.kit.kubernetes.facts import KubernetesFacts, Mode, Service, ServicePort
from meshwright.schemas.base import Model

ROOT = "istio-system"
CLASSIC = "networking.istio.io"
SECURITY = "security.istio.io"
TELEMETRY = "telemetry.istio.io"
GATEWAYS = "gateway.networking.k8s.io"
VERSION_LABELS = ("version", "app.kubernetes.io/version", "service.istio.io/canonical-revision")
"""which tell the versions of a service apart, best first"""
_NOT_HTTP = ("tcp", "tls", "https", "mongo", "mysql", "redis", "udp")


def protocol(port: ServicePort) -> str:
    """What a port carries: what `appProtocol` says, else what its name begins with."""
    return port.app_protocol or port.name.partition("-")[0]


def may_be_http(port: ServicePort) -> bool:
    """Whether Istio routes requests there: named so, or found out by looking."""
    return protocol(port).lower().removeprefix("kubernetes.io/") not in _NOT_HTTP


class NamespaceFacts(Model, frozen=True, kw_only=True):
    """How a namespace is enrolled. `revision` is that of its control plane, tags resolved."""

    name: str
    mode: Mode = "none"
    revision: str = ""
    waypoint: str = ""
    """`namespace/name` of the one that it names for all of its services"""


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


class IstioFacts(KubernetesFacts, frozen=True, kw_only=True):
    """One Istio mesh as it is, and the design that is to be translated."""

    version_keys: ClassVar[tuple[str, ...]] = VERSION_LABELS

    root: str = ROOT
    revision: str = "default"
    json_log: str = ""
    """the provider of access logs that writes JSON; empty: none does"""
    namespaces: list[NamespaceFacts] = []
    waypoints: list[Waypoint] = []
    gateways: list[IngressGateway] = []

    def enrolled(self, namespace: str) -> NamespaceFacts:
        """How a namespace is enrolled."""
        return next((each for each in self.namespaces if each.name == namespace), NamespaceFacts(name=namespace))

    def mode_of(self, service: Service) -> Mode:
        """How the workloads of a service are enrolled: as the first of them, or else as their namespace."""
        workloads = self.workloads_of(service)
        return workloads[0].mode if workloads else self.enrolled(service.namespace).mode

    def waypoint_of(self, service: Service) -> Waypoint | None:
        """The waypoint that the requests to a service go through."""
        own = waypoint_of(service.labels, service.namespace)
        namespace, _, name = (self.enrolled(service.namespace).waypoint if own is None else own).rpartition("/")
        return next((each for each in self.waypoints if (each.namespace, each.name) == (namespace, name)), None)
