"""DestinationRules: versions, load balancing and circuit breakers of a service.

Invariant: a subset says nothing by itself; it is said by the intents of the routes that name it.
"""

from typing import Any

from meshwright.adapters.istio.analysis.hosts import full_name
from meshwright.adapters.istio.facts import CLASSIC
from meshwright.adapters.istio.importing import mesh_config
from meshwright.core.kit.importing import Field, Reading, Surroundings, host_parts, oldest_first, values
from meshwright.schemas.intents import AnyIntent, CircuitBreaker, LoadBalancing, OutlierDetection

_SIMPLE = {"ROUND_ROBIN": "round-robin", "LEAST_REQUEST": "least-request", "RANDOM": "random"}
_DETECTION = {
    "consecutive5xxErrors": ("consecutive_errors", 5),
    "interval": ("interval", "10s"),
    "baseEjectionTime": ("ejection_time", "30s"),
    "maxEjectionPercent": ("max_ejection_percent", 10),
}
"""fields of Istio as ours, with what Istio does when nothing is said"""
_LIMITS = {
    "max_connections": ("tcp", "maxConnections"),
    "max_pending_requests": ("http", "http1MaxPendingRequests"),
    "max_requests": ("http", "http2MaxRequests"),
    "max_retries": ("http", "maxRetries"),
}


def subsets(target: tuple[str, str], around: Surroundings) -> dict[str, str]:
    """The versions of a service by the names of their subsets, of which the first counts."""
    named = around.once("subsets", lambda: _all_subsets(around)).get(target, {})
    return {name: version for name, version in named.items() if name and version}


def _all_subsets(around: Surroundings) -> dict[tuple[str, str], dict[str, str]]:
    versions: dict[tuple[str, str], dict[str, str]] = {}
    for rule in oldest_first(around.manifests.of(CLASSIC, "DestinationRule")):
        reading = Reading(rule)
        target = _target(reading)
        if target and _is_for_all(reading, target, around):
            for each in reading.spec.at("subsets").each():
                versions.setdefault(target, {}).setdefault(each.at("name").text, _version(each, around))
    return versions


def destination_rule(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """What it says of all versions of a service."""
    spec = reading.spec
    target = _target(reading)
    if target is None:
        spec.leave("its host is no service of the cluster")
        return []
    if not _is_for_all(reading, target, around):
        spec.leave("a rule in another namespace than the service is for callers there, and an intent for all")
        return []
    known, named, is_used = subsets(target, around), around.versions("/".join(target)), False
    for each in spec.at("subsets").each():
        version = _version(each, around)
        for field in (each.at("name"), each.at("labels")):
            if not version:
                field.leave("versions are told apart by one version label")
            elif version not in named or known.get(each.at("name").text) != version:
                field.leave("no route that is said by an intent names this subset")
            else:
                field.express_whole()
                is_used = True
    policy = spec.at("trafficPolicy")
    intents: list[AnyIntent] = []
    if policy and (other := around.claim("traffic policy", target, reading.ref)):
        policy.leave(f"{other} has the policy of this service already")
    else:
        intents = [*_balancing("/".join(target), policy.at("loadBalancer")), *_breaker("/".join(target), policy)]
    if intents or is_used:
        spec.at("host").express()
    else:
        spec.at("host").leave("nothing of it is said")
    return intents


def _is_for_all(reading: Reading, target: tuple[str, str], around: Surroundings) -> bool:
    """Whether callers of all namespaces follow a rule."""
    return reading.namespace in (target[0], mesh_config.root(around))


def _target(reading: Reading) -> tuple[str, str] | None:
    full = full_name(reading.spec.at("host").text, reading.namespace)
    return host_parts(full, "") if full.endswith(".svc.cluster.local") else None


def _version(subset: Field, around: Surroundings) -> str:
    labels = subset.at("labels").value
    return around.label_version(labels) if isinstance(labels, dict) else ""


def _balancing(service: str, balancer: Field) -> list[AnyIntent]:
    simple, header = balancer.at("simple"), balancer.at("consistentHash", "httpHeaderName")
    wish: LoadBalancing | None = None
    field = simple
    if simple.text in _SIMPLE:
        policy: Any = _SIMPLE[simple.text]
        wish = LoadBalancing(service=service, policy=policy)
    elif header.text and len(balancer.at("consistentHash").entries()) == 1:
        wish, field = LoadBalancing(service=service, policy="ring-hash", hash_header=header.text), header
    if wish is None or values.problem(wish):
        return []
    field.express()
    return [wish]


def _breaker(service: str, policy: Field) -> list[AnyIntent]:
    pool, detection = policy.at("connectionPool"), policy.at("outlierDetection")
    limits = {ours: pool.at(*way) for ours, way in _LIMITS.items()}
    set_limits = {ours: field.number for ours, field in limits.items() if field.number}
    outliers = None
    if isinstance(detection.value, dict):
        given = {ours: detection.at(key) for key, (ours, _) in _DETECTION.items() if detection.at(key)}
        wanted: dict[str, Any] = dict(_DETECTION.values())
        wanted |= {ours: _given(field) for ours, field in given.items()}
        outliers = OutlierDetection(**wanted)
    wish = CircuitBreaker(service=service, outlier_detection=outliers, **set_limits)
    if values.problem(wish):
        return []
    for ours in set_limits:
        limits[ours].express()
    for field in (detection, *(detection.at(key) for key in _DETECTION)) if outliers else ():
        field.express()
    return [wish]


def _given(field: Field) -> Any:
    return field.number if field.number is not None else values.duration(field.text)
