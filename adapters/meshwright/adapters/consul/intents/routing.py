"""Splits, header routes, retries, timeouts and load balancing: the resolver, splitter and router of a service.

Problem: a router takes the first route that matches, and what holds for all requests must stand in each route.
Invariant: header routes come in the order of the design, then one route for everything else, which follows the split.
"""

from collections.abc import Iterator, Sequence

from meshwright.adapters.consul.facts import ConsulFacts, Service, version_filter
from meshwright.adapters.consul.intents import values
from meshwright.adapters.consul.intents.values import Json
from meshwright.core.kit.lifecycle.expressing import CannotExpress, subset_names, versions
from meshwright.schemas.intents import (
    AnyIntent,
    HeaderRoute,
    LoadBalancing,
    Resource,
    Retry,
    Timeout,
    TrafficSplit,
)

KINDS = (TrafficSplit, HeaderRoute, Retry, Timeout, LoadBalancing)
_POLICIES = {
    "round-robin": "round_robin",
    "least-request": "least_request",
    "random": "random",
    "ring-hash": "ring_hash",
}


def entries(facts: ConsulFacts, service: Service, intents: Sequence[AnyIntent]) -> list[Resource]:
    """What the design says of how requests reach a service. Raises CannotExpress."""
    subsets = subset_names(service.name, versions(intents))
    made = [
        _resolver(facts, service, intents, subsets),
        _splitter(service, intents, subsets),
        _router(service, intents, subsets),
    ]
    return [each for each in made if each is not None]


def routes(
    service: str, intents: Sequence[AnyIntent], subsets: dict[str, str], path_prefix: str = "/"
) -> Iterator[Json]:
    """The routes to a service below a path, the last for every request there. Raises CannotExpress."""
    path = {"PathPrefix": path_prefix}
    for each in intents:
        if isinstance(each, HeaderRoute):
            match = {"HTTP": {**path, "Header": [values.header(each.header)]}}
            destination = {"Service": service, "ServiceSubset": subsets[each.version], **_common(intents)}
            yield {"Match": match, "Destination": destination}
    yield {"Match": {"HTTP": path}, "Destination": {"Service": service, **_common(intents)}}


def _resolver(
    facts: ConsulFacts, service: Service, intents: Sequence[AnyIntent], subsets: dict[str, str]
) -> Resource | None:
    fields: Json = {}
    if subsets:
        fields["Subsets"] = {
            name: {"Filter": version_filter(service, version) or f'Service.Meta.version == "{version}"'}
            for version, name in subsets.items()
        }
    for each in intents:
        if isinstance(each, LoadBalancing):
            fields["LoadBalancer"] = _balancer(each)
    return values.resource("service-resolver", service.name, fields) if fields else None


def _splitter(service: Service, intents: Sequence[AnyIntent], subsets: dict[str, str]) -> Resource | None:
    split = next((each for each in intents if isinstance(each, TrafficSplit)), None)
    if split is None:
        return None
    splits = [{"Weight": each.weight, "ServiceSubset": subsets[each.version]} for each in split.backends]
    return values.resource("service-splitter", service.name, {"Splits": splits})


def _router(service: Service, intents: Sequence[AnyIntent], subsets: dict[str, str]) -> Resource | None:
    if not any(isinstance(each, HeaderRoute | Retry | Timeout) for each in intents):
        return None
    return values.resource("service-router", service.name, {"Routes": list(routes(service.name, intents, subsets))})


def _common(intents: Sequence[AnyIntent]) -> Json:
    common: Json = {}
    for each in intents:
        if isinstance(each, Timeout):
            common["RequestTimeout"] = values.duration(each.timeout)
        elif isinstance(each, Retry):
            common |= _retries(each)
    return common


def _retries(retry: Retry) -> Json:
    if retry.per_try_timeout:
        raise CannotExpress(
            "Consul has no time-out for a single try, only for the whole request",
            "use a timeout intent, or let the service itself give up earlier",
        )
    if not retry.retry_on:
        raise CannotExpress("Consul takes an empty retry_on for no reason at all", "name what is tried again")
    return {"NumRetries": retry.attempts, "RetryOn": list(dict.fromkeys(retry.retry_on))}


def _balancer(wish: LoadBalancing) -> Json:
    balancer: Json = {"Policy": _POLICIES[wish.policy]}
    if wish.policy != "ring-hash":
        return balancer
    if not wish.hash_header:
        raise CannotExpress("ring-hash needs hash_header")
    return {**balancer, "HashPolicies": [{"Field": "header", "FieldValue": wish.hash_header}]}
