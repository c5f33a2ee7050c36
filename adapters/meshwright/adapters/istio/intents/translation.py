"""From one intent to the resources that it becomes, together with what its design says of the same host.

Invariant: two intents of a design that speak of one host give the same resource, whole; the kit applies it once.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.facts import IstioFacts, Service
from meshwright.adapters.istio.intents import destinations, egress, ingress, limits, policies, routing, telemetry
from meshwright.adapters.istio.intents.values import CannotExpress
from meshwright.core.kit.lifecycle.translating import numbers
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    AnyIntent,
    CircuitBreaker,
    DenyAll,
    EgressControl,
    Ingress,
    Intent,
    LoadBalancing,
    MutualTls,
    RateLimit,
    Resource,
    Translation,
    Unsupported,
    intent_kind,
    intent_problems,
)

SINCE = "1.22"
"""the first that serves v1 of every API that is used here"""
_AMBIENT_SINCE = "1.24"
_BY_REQUEST = (*routing.KINDS, LoadBalancing, CircuitBreaker)
T = TypeVar("T", bound=Intent)
Answer = Translation | Unsupported


def _intent(kind: type[T]) -> Callable[[Callable[[T, IstioFacts], list[Resource]]], Callable[[Any, Any], Answer]]:
    """Register a translator that raises what it cannot express."""

    def register(translator: Callable[[T, IstioFacts], list[Resource]]) -> Callable[[Any, Any], Answer]:
        def translated(intent: T, facts: IstioFacts) -> Answer:
            try:
                if wrong := intent_problems(intent, "#"):
                    raise CannotExpress(wrong[0].detail)
                _check_mode(intent, facts)
                resources = translator(intent, facts)
            except CannotExpress as refused:
                return Unsupported(intent=intent_kind(intent), because=refused.because, instead=refused.instead)
            return Translation(intent=intent_kind(intent), resources=resources, notes=_notes(intent, facts, resources))

        return adapter.intent(kind, since=SINCE)(translated)

    return register


def _by_host(intent: Any, facts: IstioFacts) -> list[Resource]:
    """What the design says of how requests reach one service."""
    service = facts.service(intent.service)
    if service is None:
        return []
    intents = _said(facts, service, intent)
    merged = []
    if any(isinstance(each, routing.KINDS) for each in intents):
        merged.append(routing.virtual_service(service, intents, destinations.subset_names(facts, service, intents)))
    rule = destinations.destination_rule(facts, service, intents)
    mine = [each for each in [*merged, rule] if each is not None]
    if isinstance(intent, destinations.KINDS):
        return [each for each in mine if each.ref.kind == "DestinationRule"]
    return mine


for _kind in _BY_REQUEST:
    _intent(_kind)(_by_host)


@_intent(MutualTls)
def mutual_tls(intent: MutualTls, facts: IstioFacts) -> list[Resource]:
    """A PeerAuthentication."""
    service = _named(intent, facts)
    return [] if intent.service and service is None else [policies.peer_authentication(facts, intent, service)]


@_intent(DenyAll)
def deny_all(intent: DenyAll, facts: IstioFacts) -> list[Resource]:
    """An AuthorizationPolicy that allows nothing."""
    service = _named(intent, facts)
    return [] if intent.service and service is None else [policies.deny_all(facts, service)]


@_intent(Allow)
def allow(intent: Allow, facts: IstioFacts) -> list[Resource]:
    """An AuthorizationPolicy with everybody whom the design allows."""
    service = facts.service(intent.service)
    if service is None:
        return []
    return policies.allows(facts, service, [each for each in _said(facts, service, intent) if isinstance(each, Allow)])


@_intent(RateLimit)
def rate_limit(intent: RateLimit, facts: IstioFacts) -> list[Resource]:
    """An EnvoyFilter."""
    service = facts.service(intent.service)
    return [limits.rate_limit(facts, service, intent)] if service else []


@_intent(AccessLog)
def access_log(intent: AccessLog, facts: IstioFacts) -> list[Resource]:
    """A Telemetry."""
    service = _named(intent, facts)
    return [] if intent.service and service is None else [telemetry.access_log(facts, service)]


@_intent(EgressControl)
def egress_control(intent: EgressControl, facts: IstioFacts) -> list[Resource]:
    """A Sidecar that refuses, and a ServiceEntry for each host."""
    return egress.egress(facts, intent)


@_intent(Ingress)
def expose(intent: Ingress, facts: IstioFacts) -> list[Resource]:
    """A Gateway and its routes, for all paths of the host that the design exposes."""
    host = intent.host.lower()
    paths = []
    for each in _with(facts, intent):
        if isinstance(each, Ingress) and each.host.lower() == host and (service := facts.service(each.service)):
            intents = [one for one in _said(facts, service) if isinstance(one, routing.KINDS)]
            subsets = destinations.subset_names(facts, service, _said(facts, service))
            paths.append(ingress.Path(each.path_prefix, service, intents, subsets))
    return ingress.ingress(facts, host, paths) if paths else []


def _with(facts: IstioFacts, intent: AnyIntent) -> list[AnyIntent]:
    """The intents of the design, with this one in them."""
    return facts.intents if intent in facts.intents else [*facts.intents, intent]


def _said(facts: IstioFacts, service: Service, intent: AnyIntent | None = None) -> list[AnyIntent]:
    """What the design says of one service."""
    everything = facts.intents if intent is None else _with(facts, intent)
    return [each for each in everything if facts.service(getattr(each, "service", None) or "") == service]


def _named(intent: MutualTls | DenyAll | AccessLog, facts: IstioFacts) -> Service | None:
    return facts.service(intent.service) if intent.service else None


def _check_mode(intent: Intent, facts: IstioFacts) -> None:
    """Ambient has requests only where a waypoint is. Raises CannotExpress."""
    name = getattr(intent, "service", None)
    service = facts.service(name) if name else None
    if service is None:
        return
    if isinstance(intent, _BY_REQUEST) and service.ports and not any(each.may_be_http for each in service.ports):
        ports = ", ".join(f"{each.name or each.number} ({each.protocol})" for each in service.ports)
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
