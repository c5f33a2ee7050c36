"""From one intent to the entries that it becomes, together with what its design says of the same entries.

Invariant: two intents of a design that speak of one entry give the same resource, whole; the kit applies it once.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from meshwright.adapters.consul.adapter import adapter
from meshwright.adapters.consul.facts import ConsulFacts
from meshwright.adapters.consul.intents import defaults, gateways, permissions, routing
from meshwright.core.kit.lifecycle.expressing import CannotExpress, Expressing
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    AnyIntent,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    FaultAbort,
    FaultDelay,
    Ingress,
    Intent,
    Mirror,
    MutualTls,
    RateLimit,
    Resource,
)

T = TypeVar("T", bound=Intent)
SINCE = "1.14"
"""the first that names reasons for retries in a router"""
LOGS_SINCE = "1.15"
ALWAYS_MUTUAL = "sidecars of this version take mutual TLS alone: nothing has to be written"

_ENTERPRISE_FAULTS = "only the Enterprise edition of Consul injects faults, from version 1.18 on"
_FAULTY_VERSION = "split a share of the requests to a version of the service that fails or is slow by itself"
for _kind in (FaultDelay, FaultAbort):
    adapter.unsupported(_kind, because=_ENTERPRISE_FAULTS, instead=_FAULTY_VERSION)
adapter.unsupported(
    RateLimit,
    because="only the Enterprise edition of Consul limits the rate of requests to a service, from version 1.17 on",
    instead="bound the requests in flight by a circuit-breaker, or limit the rate in the service itself",
)
adapter.unsupported(
    Mirror,
    because="no edition of Consul copies requests to another version",
    instead="send a small share of the requests there by a traffic-split, or those with a header by a header-route",
)
adapter.unsupported(
    EgressControl,
    because="a sidecar carries calls to services of the mesh alone, and what a workload opens beside it Consul only"
    " sees where traffic is redirected to the sidecar",
    instead="write the hosts as service-defaults with a Destination behind a terminating gateway, and the entry mesh"
    " with TransparentProxy.MeshDestinationsOnly, as resources of the design",
)


def _notes(intent: Intent, facts: ConsulFacts, _resources: list[Resource]) -> list[str]:
    """What a person should know of a translation."""
    intent = facts.plain(intent)
    for field in ("service", "source"):
        if (name := getattr(intent, field, None)) and facts.service(name) is None:
            return [f"there is no service {name}"]
    notes = []
    if isinstance(intent, MutualTls) and not defaults.is_said(facts):
        notes.append(ALWAYS_MUTUAL)
    if isinstance(intent, MutualTls) and intent.mode == "permissive":
        notes.append("plain text is taken where traffic is redirected to the sidecar, and the entry mesh allows it")
    if isinstance(intent, CircuitBreaker):
        names = ", ".join(each.name for each in facts.callers(intent.service))
        notes.append(f"the limits hold for {names}: apply the design again when others begin to call {intent.service}")
    if isinstance(intent, AccessLog):
        notes.append("the sidecar of who calls writes a line for each request, too")
    if isinstance(intent, DenyAll | Allow) and intent.service and not _sees_requests(facts, intent.service):
        notes.append(f"{intent.service} has no protocol, so connections are refused, and requests get no 403")
    return notes


_expressing = Expressing[ConsulFacts](adapter, notes=_notes)


def _intent(kind: type[T], since: str) -> Callable[[Callable[[T, ConsulFacts], list[Resource]]], object]:
    """Register a translator: it sees names as Consul has them, and its entries become what they are at the mesh."""

    def register(translator: Callable[[T, ConsulFacts], list[Resource]]) -> object:
        def translated(intent: T, facts: ConsulFacts) -> list[Resource]:
            return [facts.dressed(each) for each in translator(facts.plain(intent), facts)]

        return _expressing(kind, since)(functools.wraps(translator)(translated))

    return register


def _by_service(intent: Any, facts: ConsulFacts) -> list[Resource]:
    """How requests reach one service: its protocol first, then resolver, splitter and router."""
    service = facts.service(intent.service)
    if service is None:
        return []
    said = [each for each in _about(facts, intent.service, intent) if isinstance(each, routing.KINDS)]
    return [*_service_defaults(facts, service.name, intent), *routing.entries(facts, service, said)]


for _routed in routing.KINDS:
    _intent(_routed, SINCE)(_by_service)


@_intent(CircuitBreaker, SINCE)
def circuit_breaker(intent: CircuitBreaker, facts: ConsulFacts) -> list[Resource]:
    """An override in the service-defaults of everybody who calls the service."""
    if facts.service(intent.service) is None:
        return []
    defaults.check_breaker(facts, intent)
    names = [intent.service, *(each.name for each in facts.callers(intent.service))]
    return [resource for name in names for resource in _service_defaults(facts, name, intent)]


@_intent(MutualTls, SINCE)
def mutual_tls(intent: MutualTls, facts: ConsulFacts) -> list[Resource]:
    """The mode in service-defaults or proxy-defaults, where the version has one."""
    defaults.check_mode(facts, intent)
    if intent.service and facts.service(intent.service) is None:
        return []
    allowed = defaults.permission(facts) if intent.mode == "permissive" else []
    made = _service_defaults(facts, intent.service, intent) if intent.service else _proxy_defaults(facts, intent)
    return [*allowed, *made]


@_intent(DenyAll, SINCE)
def deny_all(intent: DenyAll, facts: ConsulFacts) -> list[Resource]:
    """Intentions that deny everybody whom the design does not allow."""
    if intent.service is None:
        return [permissions.deny_all(None)]
    return _intentions(facts, intent.service, intent) if facts.service(intent.service) else []


@_intent(Allow, SINCE)
def allow(intent: Allow, facts: ConsulFacts) -> list[Resource]:
    """Intentions with everybody whom the design allows."""
    return _intentions(facts, intent.service, intent) if facts.service(intent.service) else []


@_intent(AccessLog, LOGS_SINCE)
def access_log(intent: AccessLog, facts: ConsulFacts) -> list[Resource]:
    """Logging in proxy-defaults."""
    if intent.service is not None:
        raise CannotExpress(
            "Consul switches access logs on for all proxies at once", "leave the service out of the intent"
        )
    return _proxy_defaults(facts, intent)


@_intent(Ingress, SINCE)
def expose(intent: Ingress, facts: ConsulFacts) -> list[Resource]:
    """The listener of the ingress gateway for all hosts of the design, and the routes behind it."""
    hosts = {
        host: [
            gateways.Path(each.path_prefix, each.service, _about(facts, each.service, None))
            for each in exposed
            if facts.service(each.service)
        ]
        for host, exposed in gateways.hosts_of(_with(facts, intent)).items()
    }
    resources = (
        gateways.ingress(facts, {host: paths for host, paths in hosts.items() if paths}) if any(hosts.values()) else []
    )
    names = {each.service for paths in hosts.values() for each in paths}
    return [*(one for name in sorted(names) for one in _service_defaults(facts, name, intent)), *resources]


def _with(facts: ConsulFacts, intent: AnyIntent | None) -> list[AnyIntent]:
    """The intents of the design, with this one in them."""
    return facts.intents if intent is None or intent in facts.intents else [*facts.intents, intent]


def _about(facts: ConsulFacts, service: str, intent: AnyIntent | None) -> list[AnyIntent]:
    """What the design says of one service."""
    return [each for each in _with(facts, intent) if getattr(each, "service", None) == service]


def _service_defaults(facts: ConsulFacts, name: str, intent: AnyIntent) -> list[Resource]:
    everything = _with(facts, intent)
    routed = any(_wants_requests(each) for each in everything if getattr(each, "service", None) == name)
    made = defaults.service_defaults(facts, name, routed=routed, intents=everything)
    return [made] if made else []


def _proxy_defaults(facts: ConsulFacts, intent: AnyIntent) -> list[Resource]:
    everything = _with(facts, intent)
    logged = any(isinstance(each, AccessLog) for each in everything)
    made = defaults.proxy_defaults(facts, everything, logged=logged)
    return [made] if made else []


def _sees_requests(facts: ConsulFacts, service: str) -> bool:
    said = [each for each in facts.intents if getattr(each, "service", None) == service]
    return facts.is_routed(service) or any(_wants_requests(each) for each in said)


def _wants_requests(intent: AnyIntent) -> bool:
    """Whether an intent needs that Consul sees the requests of its service."""
    if isinstance(intent, Allow):
        return permissions.needs_requests([intent])
    if isinstance(intent, CircuitBreaker):
        limits = (intent.max_pending_requests, intent.max_requests, intent.outlier_detection)
        return any(each is not None for each in limits)
    return isinstance(intent, (*routing.KINDS, Ingress))


def _intentions(facts: ConsulFacts, service: str, intent: AnyIntent) -> list[Resource]:
    about = _about(facts, service, intent)
    allowed = [each for each in about if isinstance(each, Allow) and facts.service(each.source)]
    made = permissions.allows(service, allowed) if allowed else permissions.deny_all(service)
    return [*_service_defaults(facts, service, intent), made]
