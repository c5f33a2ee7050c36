"""Resources of Istio as intents, and what of them no intent says.

Invariant: fields are taken out as they are understood; whatever is left over is named by its path.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from meshwright.adapters.istio import facts as known
from meshwright.adapters.istio import observing
from meshwright.adapters.istio.analysis.hosts import full_name
from meshwright.adapters.istio.facts import Service, Workload
from meshwright.adapters.istio.importing import routes
from meshwright.core.kit import kubernetes as k8s
from meshwright.schemas.base import Model
from meshwright.schemas.intents import (
    Allow,
    AnyIntent,
    CircuitBreaker,
    DenyAll,
    LoadBalancing,
    MutualTls,
    OutlierDetection,
)
from meshwright.schemas.references import ResourceRef

Json = dict[str, Any]
_SIMPLE = {"ROUND_ROBIN": "round-robin", "LEAST_REQUEST": "least-request", "RANDOM": "random"}
_READ = ("VirtualService", "DestinationRule", "PeerAuthentication", "AuthorizationPolicy")
_GROUPS = (known.CLASSIC, known.SECURITY)


class Remainder(Model, frozen=True, kw_only=True):
    """What a resource says and no intent does."""

    ref: ResourceRef
    field: str
    because: str


class Imported(Model, frozen=True, kw_only=True):
    """Resources as intents."""

    intents: list[AnyIntent] = []
    remainders: list[Remainder] = []


class _Import:
    def __init__(self, bodies: list[Json], root: str) -> None:
        pods = [each for each in bodies if each.get("kind") in observing.WORKLOADS]
        self.root = root
        self.services = observing.services([each for each in bodies if each.get("kind") == "Service"], pods, {})
        self.workloads = observing.workloads(pods, {})
        self.rules = [each for each in bodies if each.get("kind") == "DestinationRule"]
        self.intents: list[AnyIntent] = []
        self.remainders: list[Remainder] = []

    def left(self, body: Json, field: str, because: str) -> None:
        self.remainders.append(Remainder(ref=k8s.reference_of(body), field=field, because=because))

    def rest(self, body: Json, spec: Json, path: str = "spec") -> None:
        """Name what was not taken out."""
        for key, value in spec.items():
            if isinstance(value, dict) and value:
                self.rest(body, value, f"{path}.{key}")
            elif value not in ({}, [], None):
                self.left(body, f"{path}.{key}", "no intent says this")

    def virtual_service(self, body: Json, spec: Json) -> None:
        namespace = k8s.reference_of(body).namespace
        gateways = spec.pop("gateways", None)
        if gateways not in (None, [], ["mesh"]):
            self.left(body, "spec.gateways", "routes of gateways are not read: write an ingress intent")
            return
        http = spec.pop("http", None) or []
        for host in spec.pop("hosts", None) or []:
            service = _service(full_name(str(host), namespace))
            if service is None or not http:
                self.left(body, "spec.hosts" if http else "spec.http", f"{host} is routed by no requests of a service")
                continue
            try:
                self.intents += routes.intents_of(service, http, self.subsets(service))
            except routes.Unreadable as error:
                self.left(body, "spec.http", str(error))
        self.rest(body, spec)

    def subsets(self, service: Service) -> dict[str, str]:
        """The versions of a service by the names of their subsets."""
        by_name: dict[str, str] = {}
        for rule in self.rules:
            spec, namespace = rule.get("spec") or {}, k8s.reference_of(rule).namespace
            if full_name(str(spec.get("host")), namespace) == service.host:
                for each in spec.get("subsets") or []:
                    by_name |= _version(each)
        return by_name

    def destination_rule(self, body: Json, spec: Json) -> None:
        namespace = k8s.reference_of(body).namespace
        service = _service(full_name(str(spec.pop("host", "")), namespace))
        if service is None:
            self.left(body, "spec.host", "it is no service of the cluster")
            return
        name = str(service)
        policy = spec.get("trafficPolicy") or {}
        self.balancing(name, policy)
        self.breaker(name, policy)
        for index, each in enumerate(spec.pop("subsets", None) or []):
            if not _version(each):
                self.left(body, f"spec.subsets[{index}].labels", "versions are told apart by one version label")
            more = {key: value for key, value in each.items() if key not in ("name", "labels")}
            self.rest(body, more, f"spec.subsets[{index}]")
        self.rest(body, spec)

    def balancing(self, service: str, policy: Json) -> None:
        balancer = policy.get("loadBalancer") or {}
        if balancer.get("simple") in _SIMPLE:
            policy_name: Any = _SIMPLE[balancer.pop("simple")]
            self.intents.append(LoadBalancing(service=service, policy=policy_name))
        elif set(balancer.get("consistentHash") or {}) == {"httpHeaderName"}:
            header = balancer.pop("consistentHash")["httpHeaderName"]
            self.intents.append(LoadBalancing(service=service, policy="ring-hash", hash_header=header))

    def breaker(self, service: str, policy: Json) -> None:
        pool = policy.get("connectionPool") or {}
        tcp, http = pool.get("tcp") or {}, pool.get("http") or {}
        limits = {
            "max_connections": tcp.pop("maxConnections", None),
            "max_pending_requests": http.pop("http1MaxPendingRequests", None),
            "max_requests": http.pop("http2MaxRequests", None),
            "max_retries": http.pop("maxRetries", None),
        }
        detection = policy.get("outlierDetection")
        outliers = None
        if isinstance(detection, dict):
            outliers = OutlierDetection(
                consecutive_errors=detection.pop("consecutive5xxErrors", 5),
                interval=detection.pop("interval", "10s"),
                ejection_time=detection.pop("baseEjectionTime", "30s"),
                max_ejection_percent=detection.pop("maxEjectionPercent", 10),
            )
        if outliers or any(each is not None for each in limits.values()):
            self.intents.append(CircuitBreaker(service=service, outlier_detection=outliers, **limits))

    def peer_authentication(self, body: Json, spec: Json) -> None:
        ref, mode = k8s.reference_of(body), str(k8s.at(spec, "mtls", "mode") or "")
        selector = spec.pop("selector", None)
        if mode not in ("STRICT", "PERMISSIVE"):
            self.left(body, "spec.mtls.mode", f"no intent asks for {mode or 'what the parent says'}")
            return
        wanted: Any = mode.lower()
        service = self.selected(ref.namespace, selector)
        if selector and service is None:
            self.left(body, "spec.selector", "no service of these resources has this selector")
        elif not selector and ref.namespace != self.root:
            self.left(body, "metadata.namespace", "an intent is for one service or the whole mesh, not a namespace")
        else:
            self.intents.append(MutualTls(mode=wanted, service=str(service) if service else None))
        spec["mtls"].pop("mode")
        self.rest(body, spec)

    def authorization_policy(self, body: Json, spec: Json) -> None:
        ref = k8s.reference_of(body)
        selector, rules = spec.pop("selector", None), spec.pop("rules", None) or []
        action = spec.pop("action", "ALLOW")
        service = self.selected(ref.namespace, selector)
        if action != "ALLOW":
            self.left(body, "spec.action", f"intents allow, and {action} is something else")
        elif spec.get("targetRefs") or (selector and service is None):
            self.left(body, "spec.selector", "no service of these resources has this selector")
        elif not selector and ref.namespace != self.root:
            self.left(body, "metadata.namespace", "an intent is for one service or the whole mesh, not a namespace")
        elif not rules:
            self.intents.append(DenyAll(service=str(service) if service else None))
        elif service is None:
            self.left(body, "spec.rules", "an intent allows calls to one service")
        else:
            for index, rule in enumerate(rules):
                self.rule(body, f"spec.rules[{index}]", rule, service)
        self.rest(body, spec)

    def rule(self, body: Json, path: str, rule: Json, service: Service) -> None:
        sources = [each.get("source") or {} for each in rule.pop("from", None) or [{}]]
        operations = [each.get("operation") or {} for each in rule.pop("to", None) or [{}]]
        names = [self.caller(str(each)) for source in sources for each in source.get("principals") or [""]]
        plain = all(set(each) == {"principals"} for each in sources)
        paths = [str(each) for operation in operations for each in operation.get("paths") or []]
        understood = all(set(each) <= {"methods", "paths"} for each in operations)
        if not plain or None in names:
            self.left(body, f"{path}.from", "an intent names one calling service by its service account")
        elif not understood or any(not each.startswith("/") or not each.endswith("*") for each in paths):
            self.left(body, f"{path}.to", "an intent allows methods and beginnings of paths")
        elif rule:
            self.rest(body, rule, path)
        else:
            for operation in operations:
                prefixes = [str(each)[:-1] for each in operation.get("paths") or []]
                methods = list(operation.get("methods") or [])
                self.intents += [
                    Allow(source=name, service=str(service), methods=methods, path_prefixes=prefixes)
                    for name in names
                    if name is not None
                ]

    def caller(self, principal: str) -> str | None:
        """The service whose workloads alone have an identity."""
        parts = principal.split("/")
        if len(parts) != 5 or parts[1] != "ns" or parts[3] != "sa":
            return None
        behind = [each for each in self.workloads if (each.namespace, each.service_account) == (parts[2], parts[4])]
        callers = {str(each) for each in self.services if behind and all(_behind(each, one) for one in behind)}
        return callers.pop() if len(callers) == 1 else None

    def selected(self, namespace: str, selector: Json | None) -> Service | None:
        labels = (selector or {}).get("matchLabels") or {}
        services = [
            each for each in self.services if each.namespace == namespace and each.selector == labels and labels
        ]
        return services[0] if len(services) == 1 else None


def imported(bodies: Iterable[Json], *, root: str = known.ROOT, namespace: str = "default") -> Imported:
    """What resources say as intents; those without a namespace are meant in `namespace`.

    Services and workloads among them tell which service a selector or an identity means.
    """
    everything = [copy.deepcopy(each) for each in bodies]
    for each in everything:
        each["metadata"] = {"namespace": namespace, **(each.get("metadata") or {})}
    reading = _Import(everything, root)
    readers = {
        "VirtualService": reading.virtual_service,
        "DestinationRule": reading.destination_rule,
        "PeerAuthentication": reading.peer_authentication,
        "AuthorizationPolicy": reading.authorization_policy,
    }
    for kind in _READ:
        for body in everything:
            ref = k8s.reference_of(body)
            if ref.kind == kind and ref.group in _GROUPS:
                readers[kind](body, copy.deepcopy(body.get("spec") or {}))
    return Imported(intents=list(_once(reading.intents)), remainders=reading.remainders)


def _once(intents: Iterable[AnyIntent]) -> list[AnyIntent]:
    distinct: list[AnyIntent] = []
    for each in intents:
        distinct += [] if each in distinct else [each]
    return distinct


def _service(host: str) -> Service | None:
    """The service of a full host name."""
    name, _, rest = host.partition(".")
    namespace = rest.removesuffix(f".svc.{known.DOMAIN}")
    if not name or "*" in host or not namespace or namespace == rest or "." in namespace:
        return None
    return Service(namespace=namespace, name=name)


def _version(subset: Mapping[str, Any]) -> dict[str, str]:
    labels = subset.get("labels") or {}
    key = next((each for each in known.VERSION_LABELS if each in labels), "")
    return {str(subset.get("name")): str(labels[key])} if key and len(labels) == 1 else {}


def _behind(service: Service, workload: Workload) -> bool:
    same = service.namespace == workload.namespace
    return same and bool(service.selector) and service.selector.items() <= workload.labels.items()
