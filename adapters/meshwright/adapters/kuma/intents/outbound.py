"""Splits, header routes, mirrors, retries, time-outs, circuit breakers and load balancing: what callers' proxies do.

Problem: a route of Kuma leads to a MeshService, which there is for each Service of Kubernetes and for no version of it.
Invariant: a version that a route names has a Service of its own. A route ends with a rule for every request, and each
policy lies beside its service, so that it counts for callers in all namespaces.
"""

from collections.abc import Sequence

from meshwright.adapters.kuma.facts import KumaFacts, section
from meshwright.adapters.kuma.intents import values
from meshwright.adapters.kuma.intents.values import Json
from meshwright.adapters.kuma.intents.versions import version
from meshwright.core.kit.kubernetes.facts import Service, ServicePort
from meshwright.core.kit.lifecycle.expressing import CannotExpress, versions
from meshwright.schemas.intents import (
    AnyIntent,
    CircuitBreaker,
    HeaderRoute,
    LoadBalancing,
    Mirror,
    Resource,
    Retry,
    Timeout,
    TrafficSplit,
)

ROUTED = (TrafficSplit, HeaderRoute, Mirror)
RETRY_ON = {
    "5xx": "5xx",
    "gateway-error": "GatewayError",
    "connect-failure": "ConnectFailure",
    "reset": "Reset",
    "retriable-4xx": "Retriable4xx",
}
LIMITS = {
    "max_connections": "maxConnections",
    "max_pending_requests": "maxPendingRequests",
    "max_requests": "maxRequests",
    "max_retries": "maxRetries",
}
BALANCERS = {"round-robin": "RoundRobin", "least-request": "LeastRequest", "random": "Random", "ring-hash": "RingHash"}
EVERYTHING: Json = {"path": {"type": "PathPrefix", "value": "/"}}


def routes(facts: KumaFacts, service: Service, intents: Sequence[AnyIntent]) -> list[Resource]:
    """The route to a service, and the Services of its versions. Raises CannotExpress."""
    services = {each: version(facts, service, each) for each in versions(intents)}
    names = {each: name for each, (name, _) in services.items()}
    made = [resource for _, resource in services.values() if resource is not None]
    to = []
    for port in service.http_ports:
        target = {**facts.destination(service.namespace, service.name), **section(service, port)}
        to.append({"targetRef": target, "rules": rules(facts, service, port, intents, names)})
    return [*made, values.policy(facts, "MeshHTTPRoute", service.namespace, service.name, {"to": to})]


def rules(
    facts: KumaFacts,
    service: Service,
    port: ServicePort,
    intents: Sequence[AnyIntent],
    names: dict[str, str],
    match: Json = EVERYTHING,
) -> list[Json]:
    """Where requests to a port go: those with a header first, then all that `match`; `names` are those of versions."""

    def backend(name: str, weight: int | None = None) -> Json:
        weighted = {} if weight is None else {"weight": weight}
        return {**facts.destination(service.namespace, name), "port": port.number, **weighted}

    copied = [
        {
            "type": "RequestMirror",
            "requestMirror": {
                "backendRef": backend(names[each.version]),
                "percentage": values.percentage(each.percent),
            },
        }
        for each in intents
        if isinstance(each, Mirror)
    ]
    filters: Json = {"filters": copied} if copied else {}
    made: list[Json] = [
        {
            "matches": [{**match, "headers": [values.header(each.header)]}],
            "default": {"backendRefs": [backend(names[each.version])], **filters},
        }
        for each in intents
        if isinstance(each, HeaderRoute)
    ]
    split = next((each for each in intents if isinstance(each, TrafficSplit)), None)
    shares = [backend(names[each.version], each.weight) for each in split.backends] if split else []
    rest = {"backendRefs": shares or [backend(service.name)], **filters}
    return [*made, {"matches": [match], "default": rest}]


def retry(facts: KumaFacts, service: Service, wish: Retry) -> Resource:
    """Trying again. Raises CannotExpress."""
    if not wish.retry_on:
        raise CannotExpress("Kuma takes an empty retry_on for its own choice of reasons", "name what is tried again")
    http: Json = {"numRetries": wish.attempts, "retryOn": [RETRY_ON[each] for each in dict.fromkeys(wish.retry_on)]}
    if wish.per_try_timeout:
        http["perTryTimeout"] = values.duration(wish.per_try_timeout)
    return values.outbound(facts, "MeshRetry", service, {"http": http})


def timeout(facts: KumaFacts, service: Service, wish: Timeout) -> Resource:
    """The time of a whole request. Raises CannotExpress."""
    default = {"http": {"requestTimeout": values.duration(wish.timeout)}}
    return values.outbound(facts, "MeshTimeout", service, default)


def circuit_breaker(facts: KumaFacts, service: Service, wish: CircuitBreaker) -> Resource:
    """Limits for each caller, and the ejection of instances. Raises CannotExpress."""
    if wish.max_retries == 0:
        raise CannotExpress("Kuma has no limit of zero retries", "say max_retries: 1, or retry nothing")
    limits = {key: limit for name, key in LIMITS.items() if (limit := getattr(wish, name)) is not None}
    default: Json = {"connectionLimits": limits} if limits else {}
    if outliers := wish.outlier_detection:
        default["outlierDetection"] = {
            "interval": values.duration(outliers.interval),
            "baseEjectionTime": values.duration(outliers.ejection_time),
            "maxEjectionPercent": outliers.max_ejection_percent,
            "detectors": {"totalFailures": {"consecutive": outliers.consecutive_errors}},
        }
    return values.outbound(facts, "MeshCircuitBreaker", service, default)


def load_balancing(facts: KumaFacts, service: Service, wish: LoadBalancing) -> Resource:
    """How an instance is chosen."""
    default: Json = {"loadBalancer": {"type": BALANCERS[wish.policy]}}
    if wish.policy == "ring-hash" and wish.hash_header:
        default["hashPolicies"] = [{"type": "Header", "header": {"name": wish.hash_header.lower()}}]
    return values.outbound(facts, "MeshLoadBalancingStrategy", service, default)
