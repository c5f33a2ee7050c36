"""What stands against a design on a mesh: services and versions that are not there, what others have said already.

Invariant: a pure function of facts; every problem names the intent and what is in its way. Linkerd reports little of
what it ignores, so what it would ignore is refused here.
"""

from collections.abc import Iterator, Sequence

from meshwright.adapters.linkerd import versions, words
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.intents import egress, policies, routing, services
from meshwright.core.kit.kubernetes import facts as known
from meshwright.core.kit.kubernetes.facts import Existing, Service, version_services
from meshwright.core.kit.lifecycle import expressing
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import (
    AccessLog,
    AnyIntent,
    EgressControl,
    NativeResource,
    RateLimit,
)

_ENFORCED = (*policies.KINDS, AccessLog)
"""what the proxies of the service's own pods do, so that it needs them enrolled"""
_ROUTES = ("HTTPRoute", "GRPCRoute")


def problems(facts: LinkerdFacts) -> list[FieldError]:
    """Everything that stands against the design of these facts."""
    return known.problems(facts, enrolment=_enrolment, clashes=_clashes)


def ignored(release: str, resources: Sequence[NativeResource]) -> list[FieldError]:
    """Routes of a design with fields for which this release would ignore them, without a word."""
    minor, found = versions.level(release), []
    for index, each in enumerate(resources):
        if each.ref.kind in _ROUTES and each.ref.group in (words.GATEWAYS, words.POLICY):
            for field in versions.unknown_fields(each.body, minor):
                detail = (
                    f"{each.ref}: Linkerd {release or 'of an unknown version'} does not know or carry out {field}, and"
                    " would ignore the whole route: leave it out"
                )
                found.append(FieldError(detail=detail, pointer=f"#/resources/{index}/body"))
    return found


def _enrolment(facts: LinkerdFacts, intent: AnyIntent, service: Service, field: str) -> Iterator[str]:
    workloads = facts.workloads_of(service)
    outside = [each.name for each in workloads if each.mode == "none"]
    if field == "source" and outside:
        yield f"{', '.join(outside)} of {service} are not enrolled, so they have no identity: enrol them first"
    elif field == "service" and isinstance(intent, _ENFORCED) and workloads and len(outside) == len(workloads):
        yield known.not_enrolled(intent, service)


def _clashes(facts: LinkerdFacts, intent: AnyIntent) -> Iterator[str]:
    """What others have made that would decide together with what this intent becomes, or instead of it."""
    service = facts.service_of(intent)
    if isinstance(intent, EgressControl):
        yield from _opened_already(facts)
    if service is None:
        return
    if isinstance(intent, (*routing.KINDS, *services.KINDS)):
        yield from _profiled(facts, service)
        yield from known.routed_already(facts, service)
    if isinstance(intent, routing.KINDS):
        yield from _named_already(facts, service, intent)
    if isinstance(intent, policies.KINDS):
        yield from _served_already(facts, service)
    if isinstance(intent, RateLimit):
        yield from _limited_already(facts, service)


def _profiled(facts: LinkerdFacts, service: Service) -> Iterator[str]:
    name = service.host(facts.cluster_domain)
    for each in facts.those("ServiceProfile"):
        if each.ref.name == name:
            yield (
                f"{each} takes precedence over routes and annotations: Linkerd would do nothing of this for {service};"
                " remove the ServiceProfile first"
            )


def _named_already(facts: LinkerdFacts, service: Service, intent: AnyIntent) -> Iterator[str]:
    """Services under the names of versions that mean other pods, and routes under ours."""
    ours = {(service.namespace, routing.route_name(service, each)) for each in service.http_ports}
    for each in facts.those("HTTPRoute"):
        if each.ref.group == words.GATEWAYS and (each.ref.namespace, each.ref.name) in ours:
            yield f"{each} has the name of the route that would be made: remove it, or give it another"
    for version in expressing.versions([intent]):
        if problem := version_services.taken(facts, service, version):
            yield problem


def _served_already(facts: LinkerdFacts, service: Service) -> Iterator[str]:
    """Servers of others on the same ports: Linkerd takes one for a port of a pod."""
    own = {policies.server_name(service, each) for each in service.ports}
    ports = {str(each.target or each.number) for each in service.ports}
    behind = [each.labels for each in facts.workloads_of(service)] or [service.selector]
    for each in facts.those("Server"):
        if each.ref.namespace != service.namespace or str(each.spec.get("port")) not in ports:
            continue
        wanted = {str(key): str(value) for key, value in _match_labels(each).items()}
        same = each.ref.name in own and wanted == service.selector and each.owner.startswith("design ")
        if not same and any(wanted.items() <= labels.items() for labels in behind):
            yield (
                f"{each} decides already who may reach port {each.spec.get('port')} of {service}, and Linkerd takes"
                " one Server for a port: remove it, or write the policy for it as a resource of the design"
            )


def _match_labels(server: Existing) -> dict[str, str]:
    return dict((server.spec.get("podSelector") or {}).get("matchLabels") or {})


def _limited_already(facts: LinkerdFacts, service: Service) -> Iterator[str]:
    servers = {policies.server_name(service, each) for each in service.ports}
    for each in facts.those("HTTPLocalRateLimitPolicy"):
        target = (each.spec.get("targetRef") or {}).get("name")
        if each.ref.namespace == service.namespace and target in servers:
            yield f"{each} limits {service} already, and Linkerd takes one limit for a Server: remove it first"


def _opened_already(facts: LinkerdFacts) -> Iterator[str]:
    for each in facts.those("EgressNetwork"):
        if each.ref.namespace == facts.egress_namespace and each.ref.name == egress.NETWORK:
            if each.spec.get("trafficPolicy") == "Deny" and not each.spec.get("networks"):
                continue
            yield f"{each} says already what workloads may reach: remove it first"
        elif each.spec.get("trafficPolicy") != "Deny":
            yield f"{each} counts before what holds for all namespaces, and lets everything through: remove it first"
