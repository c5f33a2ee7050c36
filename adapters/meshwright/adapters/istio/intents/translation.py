"""From one intent to the resources that it becomes, together with what its design says of the same host.

Invariant: two intents of a design that speak of one host give the same resource, whole; the kit applies it once.
"""

from typing import Any

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.facts import IstioFacts, protocol
from meshwright.adapters.istio.intents import destinations, egress, ingress, limits, policies, routing, telemetry
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress, Expressing
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    Ingress,
    Intent,
    LoadBalancing,
    MutualTls,
    RateLimit,
    Resource,
)

SINCE = "1.22"
"""the first that serves v1 of every API that is used here"""
_AMBIENT_SINCE = "1.24"
_BY_REQUEST = (*routing.KINDS, LoadBalancing, CircuitBreaker)


def _check_mode(intent: Intent, facts: IstioFacts) -> None:
    """Ambient has requests only where a waypoint is. Raises CannotExpress."""
    name = getattr(intent, "service", None)
    service = facts.service(name) if name else None
    if service is None:
        return
    if isinstance(intent, _BY_REQUEST) and service.ports and not service.http_ports:
        ports = ", ".join(f"{each.name or each.number} ({protocol(each)})" for each in service.ports)
        raise CannotExpress(
            f"no port of {service} carries HTTP, as their names say: {ports}", "name the port http, http2 or grpc"
        )
    if facts.mode_of(service) != "ambient":
        return
    if facts.version and numbers(facts.version) < numbers(_AMBIENT_SINCE):
        raise CannotExpress(
            f"ambient is ready since Istio {_AMBIENT_SINCE}, and this is {facts.version}", "upgrade the mesh"
        )
    if isinstance(intent, (*_BY_REQUEST, AccessLog)) and facts.waypoint_of(service) is None:
        raise CannotExpress(
            f"{service} is enrolled in ambient without a waypoint, so its connections are carried and not its requests",
            f"give it a waypoint: istioctl waypoint apply -n {service.namespace} --enroll-namespace",
        )


def _notes(intent: Intent, facts: IstioFacts, resources: list[Resource]) -> list[str]:
    """What a person should know of a translation."""
    if not resources and (name := getattr(intent, "service", None)):
        return [f"there is no service {name}"]
    notes = []
    if isinstance(intent, EgressControl):
        notes.append(egress.NOTE)
    if isinstance(intent, LoadBalancing) and intent.hash_header and intent.policy != "ring-hash":
        notes.append(f"hash_header has no meaning with {intent.policy}")
    if isinstance(intent, DenyAll) and not intent.service:
        notes.append("gateways of the mesh refuse everything too, unless it is allowed to them")
    return notes


_intent = Expressing[IstioFacts](adapter, check=_check_mode, notes=_notes)


def _by_host(intent: Any, facts: IstioFacts) -> list[Resource]:
    """What the design says of how requests reach one service."""
    service = facts.service(intent.service)
    if service is None:
        return []
    intents = facts.said(service, intent)
    merged = []
    if any(isinstance(each, routing.KINDS) for each in intents):
        merged.append(routing.virtual_service(service, intents, destinations.subset_names(facts, service, intents)))
    rule = destinations.destination_rule(facts, service, intents)
    mine = [each for each in [*merged, rule] if each is not None]
    if isinstance(intent, destinations.KINDS):
        return [each for each in mine if each.ref.kind == "DestinationRule"]
    return mine


for _kind in _BY_REQUEST:
    _intent(_kind, SINCE)(_by_host)


@_intent(MutualTls, SINCE)
def mutual_tls(intent: MutualTls, facts: IstioFacts) -> list[Resource]:
    """A PeerAuthentication."""
    service = _named(intent, facts)
    return [] if intent.service and service is None else [policies.peer_authentication(facts, intent, service)]


@_intent(DenyAll, SINCE)
def deny_all(intent: DenyAll, facts: IstioFacts) -> list[Resource]:
    """An AuthorizationPolicy that allows nothing."""
    service = _named(intent, facts)
    return [] if intent.service and service is None else [policies.deny_all(facts, service)]


@_intent(Allow, SINCE)
def allow(intent: Allow, facts: IstioFacts) -> list[Resource]:
    """An AuthorizationPolicy with everybody whom the design allows."""
    service = facts.service(intent.service)
    if service is None:
        return []
    return policies.allows(facts, service, [each for each in facts.said(service, intent) if isinstance(each, Allow)])


@_intent(RateLimit, SINCE)
def rate_limit(intent: RateLimit, facts: IstioFacts) -> list[Resource]:
    """An EnvoyFilter."""
    service = facts.service(intent.service)
    return [limits.rate_limit(facts, service, intent)] if service else []


@_intent(AccessLog, SINCE)
def access_log(intent: AccessLog, facts: IstioFacts) -> list[Resource]:
    """A Telemetry."""
    service = _named(intent, facts)
    return [] if intent.service and service is None else [telemetry.access_log(facts, service)]


@_intent(EgressControl, SINCE)
def egress_control(intent: EgressControl, facts: IstioFacts) -> list[Resource]:
    """A Sidecar that refuses, and a ServiceEntry for each host."""
    return egress.egress(facts, intent)


@_intent(Ingress, SINCE)
def expose(intent: Ingress, facts: IstioFacts) -> list[Resource]:
    """A Gateway and its routes, for all paths of the host that the design exposes."""
    host = intent.host.lower()
    paths = []
    for each in facts.intents_with(intent):
        if isinstance(each, Ingress) and each.host.lower() == host and (service := facts.service(each.service)):
            intents = [one for one in facts.said(service) if isinstance(one, routing.KINDS)]
            subsets = destinations.subset_names(facts, service, facts.said(service))
            paths.append(ingress.Path(each.path_prefix, service, intents, subsets))
    return ingress.ingress(facts, host, paths) if paths else []


def _named(intent: MutualTls | DenyAll | AccessLog, facts: IstioFacts) -> Service | None:
    return facts.service(intent.service) if intent.service else None
