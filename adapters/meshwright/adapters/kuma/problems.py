"""What stands against a design on a mesh: services and versions that are not there, what others have said already.

Invariant: a pure function of facts; every problem names the intent and what is in its way. Policies of several people
for one thing Kuma merges without a word, so that nobody gets what they asked for: that is refused here.
"""

from collections.abc import Iterator

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.intents import outbound, security
from meshwright.core.kit.kubernetes import facts as known
from meshwright.core.kit.kubernetes.facts import Existing, Service, version_services
from meshwright.core.kit.lifecycle import expressing
from meshwright.schemas import intents as wishes
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import AnyIntent, Intent

_KINDS: dict[type[Intent], str] = {
    **dict.fromkeys(outbound.ROUTED, "MeshHTTPRoute"),
    wishes.Retry: "MeshRetry",
    wishes.Timeout: "MeshTimeout",
    wishes.CircuitBreaker: "MeshCircuitBreaker",
    wishes.LoadBalancing: "MeshLoadBalancingStrategy",
    wishes.FaultDelay: "MeshFaultInjection",
    wishes.FaultAbort: "MeshFaultInjection",
    wishes.RateLimit: "MeshRateLimit",
    wishes.MutualTls: "MeshTLS",
    wishes.AccessLog: "MeshAccessLog",
}
"""what an intent becomes, where a policy of another name for the same thing would be merged with it"""
_ENFORCED = (
    *(*security.KINDS, wishes.FaultDelay, wishes.FaultAbort),
    *(wishes.RateLimit, wishes.AccessLog),
)
"""what the proxies of the service's own pods do, so that it needs them enrolled"""


def problems(facts: KumaFacts) -> list[FieldError]:
    """Everything that stands against the design of these facts."""
    return known.problems(facts, enrolment=_enrolment, clashes=_clashes)


def _enrolment(facts: KumaFacts, intent: AnyIntent, service: Service, field: str) -> Iterator[str]:
    workloads = facts.workloads_of(service)
    outside = [each.name for each in workloads if each.mode == "none"]
    if field == "source" and outside:
        yield f"{', '.join(outside)} of {service} are not enrolled, so they have no identity: enrol them first"
    elif field == "service" and isinstance(intent, _ENFORCED) and workloads and len(outside) == len(workloads):
        yield known.not_enrolled(intent, service)


def _clashes(facts: KumaFacts, intent: AnyIntent) -> Iterator[str]:
    """What others have made that Kuma would merge with what this intent becomes, or that would decide instead."""
    service = facts.service_of(intent)
    if service is None:
        return
    kind = _KINDS.get(type(intent), "")
    for each in facts.those(kind) if kind else ():
        if each.ref.name != service.name and _concerns(each, service):
            yield f"{each} says it of {service} already, and Kuma would merge both: remove it, or import it"
    if isinstance(intent, outbound.ROUTED):
        yield from known.routed_already(facts, service)
        for version in expressing.versions([intent]):
            if problem := version_services.taken(facts, service, version):
                yield problem
    if isinstance(intent, wishes.Allow | wishes.DenyAll):
        yield from _allowed_already(facts, service)


def _concerns(each: Existing, service: Service) -> bool:
    """Whether a policy is for the callers of a service, or for its own proxies."""
    for item in each.spec.get("to") or []:
        target = item.get("targetRef") or {}
        labels = target.get("labels") or {}
        named = target.get("name") or labels.get(words.DISPLAY_NAME)
        place = target.get("namespace") or labels.get(words.PLACE) or each.ref.namespace
        if target.get("kind") == "MeshService" and (named, place) == (service.name, service.namespace):
            return True
    top = each.spec.get("targetRef") or {}
    own = top.get("kind") == "Dataplane" and top.get("labels") == service.selector
    return bool(service.selector) and own and each.ref.namespace == service.namespace


def _allowed_already(facts: KumaFacts, service: Service) -> Iterator[str]:
    """Permissions of others that let somebody call a service, beside those whom the design allows."""
    for each in facts.those("MeshTrafficPermission"):
        everywhere = (each.spec.get("targetRef") or {"kind": "Mesh"}).get("kind") == "Mesh"
        wide = everywhere and each.ref.namespace in (facts.plane, service.namespace)
        named = each.ref.name == service.name and each.ref.namespace == service.namespace
        allows = any((rule.get("default") or {}).get("allow") for rule in each.spec.get("rules") or [])
        if allows and not named and (wide or _concerns(each, service)):
            yield f"{each} lets others call {service}, and what is allowed adds up: remove it, or import it"
