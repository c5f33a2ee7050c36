"""From one intent to the policies that it becomes, together with what its design says of the same service.

Invariant: two intents of a design that speak of one service give the same policy, whole; the kit applies it once.
"""

from collections.abc import Callable
from typing import Any

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.adapter import adapter
from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.intents import edges, inbound, outbound, security
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress, Expressing
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import Intent, Resource

SINCE = "2.12"
_BY_REQUEST = (
    *(*outbound.ROUTED, wishes.Retry, wishes.Timeout),
    *(wishes.FaultDelay, wishes.FaultAbort, wishes.RateLimit),
)
DENIES = (
    "from then on Kuma refuses every call between proxies that no MeshTrafficPermission allows; say with allow who may"
    " call whom, in the same design"
)
_SELF_SIGNED = (
    "the identities are certificates of an authority that the control plane makes for itself; proxies get them without"
    " a restart"
)


def _check(intent: Intent, facts: KumaFacts) -> None:
    """Requests can only be told apart where Kuma looks for them, by a name that it knows. Raises CannotExpress."""
    if not facts.mesh_services:
        raise CannotExpress(
            f"the mesh {facts.mesh} does not know its services as MeshService, by which policies name them",
            "set meshServices.mode: Exclusive in the Mesh",
        )
    service = facts.service_of(intent)
    if service and isinstance(intent, _BY_REQUEST) and service.ports and not service.http_ports:
        ports = ", ".join(str(each.number) for each in service.ports)
        raise CannotExpress(
            f"Kuma carries bytes and no requests on every port of {service} ({ports}): none says its protocol",
            "set appProtocol: http on the port of the Service",
        )


def _notes(intent: Intent, facts: KumaFacts, resources: list[Resource]) -> list[str]:
    """What a person should know of a translation."""
    notes = []
    if not resources and (name := getattr(intent, "service", None)) and facts.service(name) is None:
        return [f"there is no service {name}"]
    if isinstance(intent, wishes.MutualTls) and any(each.ref.kind == "MeshIdentity" for each in resources):
        notes += [DENIES, *_unallowed(facts), _SELF_SIGNED]
    if isinstance(intent, wishes.DenyAll) and not resources:
        notes.append("Kuma refuses by itself what no permission allows, and the design allows only whom it names")
    if isinstance(intent, wishes.EgressControl):
        notes.append(edges.NOTE)
    if isinstance(intent, wishes.CircuitBreaker):
        notes.append("each caller's proxy counts its limits by itself")
    return notes


def _unallowed(facts: KumaFacts) -> list[str]:
    """The services that nobody will reach when identities come, as far as the design speaks of their namespaces."""
    allowed = [facts.service(each.service) for each in facts.intents if isinstance(each, wishes.Allow)]
    standing = {each.ref.namespace for each in facts.those("MeshTrafficPermission")}
    if facts.plane in standing:
        return []
    shut = [
        str(each)
        for each in facts.services
        if each not in allowed
        and each.namespace not in standing
        and any(one.mode != "none" for one in facts.workloads_of(each))
    ]
    return [f"nothing allows calls to {', '.join(shut)}"] if shut else []


_intent = Expressing[KumaFacts](adapter, check=_check, notes=_notes)
Made = Callable[[KumaFacts, Service, Any], Resource]


def _of_service(made: Made) -> Callable[[Any, KumaFacts], list[Resource]]:
    """The translator of an intent that alone decides about a policy of its service."""

    def translate(intent: Any, facts: KumaFacts) -> list[Resource]:
        service = facts.service(intent.service)
        return [made(facts, service, intent)] if service else []

    return translate


def _routed(intent: Any, facts: KumaFacts) -> list[Resource]:
    """The route of a service, with all that the design says of it."""
    service = facts.service(intent.service)
    return outbound.routes(facts, service, facts.said(service, intent)) if service else []


def _faulty(intent: Any, facts: KumaFacts) -> list[Resource]:
    """The faults of a service, all of the design's."""
    service = facts.service(intent.service)
    return [inbound.faults(facts, service, facts.said(service, intent))] if service else []


for _kind in outbound.ROUTED:
    _intent(_kind, SINCE)(_routed)
_intent(wishes.FaultDelay, SINCE)(_faulty)
_intent(wishes.FaultAbort, SINCE)(_faulty)
_intent(wishes.Retry, SINCE)(_of_service(outbound.retry))
_intent(wishes.Timeout, SINCE)(_of_service(outbound.timeout))
_intent(wishes.CircuitBreaker, SINCE)(_of_service(outbound.circuit_breaker))
_intent(wishes.LoadBalancing, SINCE)(_of_service(outbound.load_balancing))
_intent(wishes.RateLimit, SINCE)(_of_service(inbound.rate_limit))


@_intent(wishes.MutualTls, SINCE)
def mutual_tls(intent: wishes.MutualTls, facts: KumaFacts) -> list[Resource]:
    """Identities where the mesh has none, and whether plain text is taken."""
    service = facts.service_of(intent)
    return security.mutual_tls(facts, service, intent) if service or intent.service is None else []


@_intent(wishes.DenyAll, SINCE)
def deny_all(intent: wishes.DenyAll, facts: KumaFacts) -> list[Resource]:
    """Permissions for those alone whom the design allows."""
    service = facts.service_of(intent)
    if intent.service is None:
        return security.permissions(facts, None, [])
    return security.permissions(facts, service, facts.said(service, intent)) if service else []


@_intent(wishes.Allow, SINCE)
def allow(intent: wishes.Allow, facts: KumaFacts) -> list[Resource]:
    """Permissions for those whom the design allows."""
    service = facts.service(intent.service)
    return security.permissions(facts, service, facts.said(service, intent)) if service else []


@_intent(wishes.EgressControl, SINCE)
def egress_control(intent: wishes.EgressControl, facts: KumaFacts) -> list[Resource]:
    """Passthrough for the hosts of the design alone."""
    return [edges.egress(facts, intent)]


@_intent(wishes.AccessLog, SINCE)
def access_log(intent: wishes.AccessLog, facts: KumaFacts) -> list[Resource]:
    """Logs of the proxies of a service, or of all."""
    service = facts.service_of(intent)
    return [inbound.access_log(facts, service, intent)] if service or intent.service is None else []


@_intent(wishes.Ingress, SINCE, until=words.LABELS_ONLY)
def ingress(intent: wishes.Ingress, facts: KumaFacts) -> list[Resource]:
    """Kuma's own gateway, which it has until 3.0."""
    return edges.ingress(facts, [each for each in facts.intents_with(intent) if isinstance(each, wishes.Ingress)])
