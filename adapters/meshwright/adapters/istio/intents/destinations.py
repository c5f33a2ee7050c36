"""Versions, load balancing and circuit breakers: the DestinationRule of a host.

Invariant: Istio takes one rule for a host, so there is one; subsets that somebody has defined already are used as they
are where they say the same.
"""

from collections.abc import Sequence

from meshwright.adapters.istio.analysis import hosts
from meshwright.adapters.istio.facts import CLASSIC, IstioFacts
from meshwright.adapters.istio.intents import values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Existing, Service
from meshwright.core.kit.lifecycle import expressing
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import AnyIntent, CircuitBreaker, LoadBalancing, OutlierDetection, Resource

KINDS = (LoadBalancing, CircuitBreaker)
_POLICIES = {"round-robin": "ROUND_ROBIN", "least-request": "LEAST_REQUEST", "random": "RANDOM"}


def destination_rule(facts: IstioFacts, service: Service, intents: Sequence[AnyIntent]) -> Resource | None:
    """The rule for the destinations of a service; None when nothing is to be said. Raises CannotExpress."""
    policy = _policy(intents)
    versions = expressing.versions(intents)
    if not policy and (not versions or _defined(facts, service, versions) is not None):
        return None
    names = expressing.subset_names(service, versions)
    subsets = [{"name": names[each], "labels": _labels(facts, service, each)} for each in versions]
    spec: Json = {"host": service.host()}
    spec |= {"trafficPolicy": policy} if policy else {}
    spec |= {"subsets": subsets} if subsets else {}
    return values.resource(CLASSIC, "v1", "DestinationRule", service.namespace, service.name, spec)


def subset_names(facts: IstioFacts, service: Service, intents: Sequence[AnyIntent]) -> dict[str, str]:
    """The names of the subsets of versions: those that somebody has defined, or our own. Raises CannotExpress."""
    versions = expressing.versions(intents)
    defined = None if any(isinstance(each, KINDS) for each in intents) else _defined(facts, service, versions)
    return expressing.subset_names(service, versions) if defined is None else defined


def rules_of(facts: IstioFacts, service: Service) -> list[Existing]:
    """The rules that others have made for the host of a service."""
    rules = facts.those("DestinationRule")
    return [each for each in rules if hosts.full_name(str(each.spec.get("host")), each.ref.namespace) == service.host()]


def is_usable(facts: IstioFacts, service: Service, intents: Sequence[AnyIntent]) -> bool:
    """Whether the one rule of somebody else says all that is needed, so that ours would only be in its way."""
    versions = expressing.versions(intents)
    return not any(isinstance(each, KINDS) for each in intents) and _defined(facts, service, versions) is not None


def _defined(facts: IstioFacts, service: Service, versions: Sequence[str]) -> dict[str, str] | None:
    """The names of the subsets of all these versions in the one rule that is there already."""
    rules = rules_of(facts, service)
    if len(rules) != 1 or rules[0].ref.namespace != service.namespace or rules[0].spec.get("exportTo", ["*"]) != ["*"]:
        return None
    known = {str(each.get("name")): each.get("labels") for each in rules[0].spec.get("subsets") or []}
    defined = {}
    for version in versions:
        labels = _labels(facts, service, version)
        name = next((name for name, had in known.items() if had == labels), "")
        if not name:
            return None
        defined[version] = name
    return defined


def _labels(facts: IstioFacts, service: Service, version: str) -> dict[str, str]:
    return facts.version_labels(service, version) or {"version": version}


def _policy(intents: Sequence[AnyIntent]) -> Json:
    policy: Json = {}
    for each in intents:
        if isinstance(each, LoadBalancing):
            policy["loadBalancer"] = _balancer(each)
        elif isinstance(each, CircuitBreaker):
            pool = _pool(each)
            policy |= {"connectionPool": pool} if pool else {}
            policy |= {"outlierDetection": _outliers(each.outlier_detection)} if each.outlier_detection else {}
    return policy


def _balancer(wish: LoadBalancing) -> Json:
    if wish.policy != "ring-hash":
        return {"simple": _POLICIES[wish.policy]}
    if not wish.hash_header:
        raise CannotExpress("ring-hash needs hash_header")
    return {"consistentHash": {"httpHeaderName": wish.hash_header}}


def _pool(wish: CircuitBreaker) -> Json:
    pool: Json = {}
    if wish.max_connections is not None:
        pool["tcp"] = {"maxConnections": values.int32(wish.max_connections, "max_connections")}
    http: Json = {}
    if wish.max_pending_requests is not None:
        http["http1MaxPendingRequests"] = values.int32(wish.max_pending_requests, "max_pending_requests")
    if wish.max_requests is not None:
        http["http2MaxRequests"] = values.int32(wish.max_requests, "max_requests")
    if wish.max_retries is not None:
        http["maxRetries"] = values.int32(wish.max_retries, "max_retries")
    return {**pool, "http": http} if http else pool


def _outliers(wish: OutlierDetection) -> Json:
    return {
        "consecutive5xxErrors": values.uint32(wish.consecutive_errors, "consecutive_errors"),
        "interval": values.duration(wish.interval),
        "baseEjectionTime": values.duration(wish.ejection_time),
        "maxEjectionPercent": values.int32(wish.max_ejection_percent, "max_ejection_percent"),
    }
