"""The services and workloads around resources: which service, version or caller a name, selector or identity means.

Invariant: a question whose answer is not certain from what was read is answered None, never by a guess.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import msgspec

from meshwright.core.kit.analysis.manifests import Manifest, Manifests, items, mapping
from meshwright.core.kit.importing.fields import Field, Unexpressed
from meshwright.schemas.intents import AnyIntent, HeaderRoute, Mirror, TrafficSplit
from meshwright.schemas.references import ResourceRef

WORKLOADS = ("DaemonSet", "Deployment", "StatefulSet")
KINDS = (("", "Service"), *(("apps", kind) for kind in WORKLOADS))
"""group and kind of what is looked at"""
VERSION_LABELS = ("version", "app.kubernetes.io/version")
"""which tell the versions of a service apart, best first"""
_DOMAIN = ("svc", "cluster", "local")


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What clients address. `targets` are the ports of its workloads, 0 where they are named."""

    namespace: str
    name: str
    selector: dict[str, str] = {}
    ports: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """Pods with the same labels and identity."""

    namespace: str
    labels: dict[str, str]
    account: str


P = TypeVar("P", Service, Workload)
T = TypeVar("T")


class Surroundings:
    """An index of what is around.

    `intents` are those that were read so far; `claim` keeps two resources from saying the same of one service.
    """

    def __init__(self, manifests: Manifests, version_labels: Sequence[str] = VERSION_LABELS) -> None:
        self.manifests = manifests
        self.version_labels = tuple(version_labels)
        services = [_service(each) for each in manifests.of("", "Service")]
        workloads = [_workload(each) for kind in WORKLOADS for each in manifests.of("apps", kind)]
        self._services = _by_namespace(services)
        self._workloads = _by_namespace(workloads)
        self._by_name = {(each.namespace, each.name): each for each in services}
        self._made: dict[str, Any] = {}
        self.intents: list[AnyIntent] = []
        self._claimed: dict[tuple[str, str, str], ResourceRef] = {}
        self._said: dict[ResourceRef, set[str]] = {}

    def service(self, namespace: str, name: str) -> Service | None:
        """The service of that name, if it was read."""
        return self._by_name.get((namespace, name))

    def workloads_of(self, service: Service) -> list[Workload]:
        """The workloads behind a service."""
        return [each for each in self._workloads.get(service.namespace, []) if _behind(service, each)]

    def selected(self, namespace: str, labels: dict[str, Any]) -> Service | None:
        """The one service that selects by these labels."""
        services = [each for each in self._services.get(namespace, []) if each.selector == labels and labels]
        return services[0] if len(services) == 1 else None

    def label_version(self, labels: dict[str, Any]) -> str:
        """The version that labels name, when they name nothing else; empty: they do not."""
        key = next((each for each in self.version_labels if each in labels), "")
        return str(labels[key]) if key and len(labels) == 1 else ""

    def version(self, parent: tuple[str, str], backend: tuple[str, str]) -> str:
        """The version of a service (namespace and name) that another one is for; empty: all of it.

        Raises Unexpressed when that is not certain.
        """
        if parent == backend:
            return ""
        whole, part = self.service(*parent), self.service(*backend)
        names = "/".join(parent), "/".join(backend)
        if whole is None or part is None:
            missing = names[0] if whole is None else names[1]
            raise Unexpressed(f"it is not known which version {names[1]} is: there is no Service {missing} here")
        version = ""
        if whole.namespace == part.namespace and whole.selector.items() <= part.selector.items() and whole.selector:
            more = {key: value for key, value in part.selector.items() if key not in whole.selector}
            version = self.label_version(more)
        version = version or self._version_behind(whole, part) or ""
        if not version:
            raise Unexpressed(f"{names[1]} is not one version of {names[0]}: no version label tells its workloads")
        return version

    def only_port(self, parent: tuple[str, str], port: Any) -> bool:
        """Whether a service has this port and no other, so that naming it says nothing."""
        service = self.service(*parent)
        return service is not None and service.ports == (port,)

    def _version_behind(self, whole: Service, part: Service) -> str | None:
        """The version of the workloads of a service, when they are all that another one has of it."""
        workloads = self.workloads_of(part)
        for key in self.version_labels:
            versions = {each.labels.get(key, "") for each in workloads}
            if len(versions) == 1 and (version := versions.pop()):
                alike = [each for each in self.workloads_of(whole) if each.labels.get(key) == version]
                return version if alike == workloads else None
        return None

    def callers(self, namespace: str, account: str) -> Service | None:
        """The one service whose workloads, and nobody else, run under an identity."""
        services = self.under(namespace, account)
        return services[0] if len(services) == 1 else None

    def under(self, namespace: str, account: str) -> list[Service]:
        """The services that an identity stands for; empty unless they and it mean the same workloads.

        A service of a part of another one's workloads is not named beside it.
        """
        mine = [each for each in self._workloads.get(namespace, []) if each.account == account]
        services = [each for each in self._services.get(namespace, []) if any(_behind(each, one) for one in mine)]
        strangers = [one for each in services for one in self.workloads_of(each) if one not in mine]
        alone = [one for one in mine if not any(_behind(each, one) for each in services)]
        return [] if strangers or alone else [each for each in services if not self._is_part(each, services)]

    def _is_part(self, service: Service, others: Sequence[Service]) -> bool:
        mine = self.workloads_of(service)
        theirs = [self.workloads_of(each) for each in others]
        return any(len(whole) > len(mine) and all(each in whole for each in mine) for whole in theirs)

    def versions(self, service: str) -> set[str]:
        """The versions of a service that intents name."""
        mine = [each for each in self.intents if getattr(each, "service", None) == service]
        named = {each.version for each in mine if isinstance(each, HeaderRoute | Mirror)}
        return named | {one.version for each in mine if isinstance(each, TrafficSplit) for one in each.backends}

    def once(self, what: str, make: Callable[[], T]) -> T:
        """Something that is made of all resources, once; `what` names it."""
        if what not in self._made:
            self._made[what] = make()
        result: T = self._made[what]
        return result

    def say(self, field: Field) -> None:
        """An intent of another resource says this field."""
        self._said.setdefault(field.reading.ref, set()).add(field.pointer)

    def said(self, ref: ResourceRef) -> set[str]:
        """The fields of a resource that intents of others say."""
        return self._said.get(ref, set())

    def claim(self, what: str, service: tuple[str, str], ref: ResourceRef) -> ResourceRef | None:
        """Let a resource be the one that says this of a service; the other one when there is one already."""
        standing = self._claimed.setdefault((what, *service), ref)
        return None if standing == ref else standing


def oldest_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """In the order in which meshes let resources win, those of files by namespace and name."""
    return sorted(manifests, key=lambda each: (str(each.metadata.get("creationTimestamp") or ""), each.ref))


def host_parts(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the service that a host means as Kubernetes' DNS does; None when it is none."""
    name, *rest = host.split(".")
    if not name or "*" in host:
        return None
    if not rest:
        return namespace, name
    place, *domain = rest
    return (place, name) if tuple(domain) == _DOMAIN[: len(domain)] else None


def _by_namespace(items: Iterable[P]) -> dict[str, list[P]]:
    result: dict[str, list[P]] = {}
    for each in items:
        result.setdefault(each.namespace, []).append(each)
    return result


def _behind(service: Service, workload: Workload) -> bool:
    same = service.namespace == workload.namespace
    return same and bool(service.selector) and service.selector.items() <= workload.labels.items()


def _service(manifest: Manifest) -> Service:
    ports = [mapping(each) for each in items(manifest.spec.get("ports"))]
    targets = [each.get("targetPort") or each.get("port") for each in ports]
    numbers = [each.get("port") for each in ports]
    return Service(
        namespace=manifest.ref.namespace,
        name=manifest.ref.name,
        selector={str(key): str(value) for key, value in mapping(manifest.spec.get("selector")).items()},
        ports=tuple(each for each in numbers if isinstance(each, int)),
        targets=tuple(each if isinstance(each, int) else 0 for each in targets),
    )


def _workload(manifest: Manifest) -> Workload:
    template = mapping(manifest.spec.get("template"))
    labels = mapping(mapping(template.get("metadata")).get("labels"))
    account = mapping(template.get("spec")).get("serviceAccountName")
    return Workload(
        namespace=manifest.ref.namespace,
        labels={str(key): str(value) for key, value in labels.items()},
        account=str(account or "default"),
    )
