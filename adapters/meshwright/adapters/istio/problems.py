"""What stands against a design on a mesh: services and versions that are not there, hosts that others route already.

Invariant: a pure function of facts; every problem names the intent and what is in its way. What is there already is
never fought over: it is used as it is, or the design is refused with its name.
"""

from collections.abc import Iterator

from meshwright.adapters.istio.analysis import hosts
from meshwright.adapters.istio.facts import IstioFacts
from meshwright.adapters.istio.intents import destinations, routing
from meshwright.core.kit.kubernetes import facts as known
from meshwright.core.kit.kubernetes.facts import Existing, Service
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import (
    AccessLog,
    Allow,
    AnyIntent,
    DenyAll,
    EgressControl,
    HeaderRoute,
    Ingress,
    Mirror,
    MutualTls,
    RateLimit,
    TrafficSplit,
)

_ENFORCED = (MutualTls, RateLimit, Allow, DenyAll, AccessLog)
"""what the workloads themselves do, so that it needs them enrolled"""
_MESH = "mesh"


def problems(facts: IstioFacts) -> list[FieldError]:
    """Everything that stands against the design of these facts."""
    return known.problems(facts, enrolment=_enrolment, clashes=_clashes)


def _enrolment(facts: IstioFacts, intent: AnyIntent, service: Service, _field: str) -> Iterator[str]:
    namespace = facts.enrolled(service.namespace)
    if namespace.mode == "sidecar" and namespace.revision not in ("", facts.revision):
        yield (
            f"the namespace {namespace.name} follows the revision {namespace.revision}, and this mesh is"
            f" {facts.revision}: apply the design to the mesh of that revision, or enrol the namespace here"
        )
    elif isinstance(intent, _ENFORCED) and facts.mode_of(service) == "none":
        yield known.not_enrolled(intent, service)


def _clashes(facts: IstioFacts, intent: AnyIntent) -> Iterator[str]:
    """What others have made that would decide together with what this intent becomes."""
    service = facts.service_of(intent)
    if isinstance(intent, routing.KINDS) and service:
        yield from _routed_already(facts, service)
    if isinstance(intent, (TrafficSplit, HeaderRoute, Mirror, *destinations.KINDS)) and service:
        yield from _ruled_already(facts, service)
    if isinstance(intent, MutualTls):
        yield from _secured_already(facts, intent, service)
    if isinstance(intent, EgressControl):
        yield from _opened_already(facts, intent)
    if isinstance(intent, Ingress):
        yield from _exposed_already(facts, intent)
    if isinstance(intent, AccessLog):
        yield from _logged_already(facts, service)


def _routed_already(facts: IstioFacts, service: Service) -> Iterator[str]:
    for each in facts.those("VirtualService"):
        named = [hosts.full_name(str(host), each.ref.namespace) for host in each.spec.get("hosts") or []]
        if service.host() in named and _MESH in (each.spec.get("gateways") or [_MESH]):
            yield from _in_the_way(facts, each, service, f"routes {service} already", {"hosts", "http"})
    yield from known.routed_already(facts, service)


def _ruled_already(facts: IstioFacts, service: Service) -> Iterator[str]:
    if destinations.is_usable(facts, service, facts.said(service)):
        return
    for each in destinations.rules_of(facts, service):
        what = f"says already how requests reach {service}"
        yield from _in_the_way(facts, each, service, what, {"host", "trafficPolicy", "subsets"})


def _in_the_way(facts: IstioFacts, each: Existing, service: Service, what: str, keys: set[str]) -> Iterator[str]:
    own = (each.ref.namespace, each.ref.name) == (service.namespace, service.name)
    more = sorted(set(each.spec) - keys)
    if not (facts.take_over and own):
        taking = own and not more
        remedy = f"remove it, {'' if taking else 'or '}import it into the design{', or apply with take-over' * taking}"
        yield f"{each} {what}: {remedy}"
    elif more:
        yield f"{each} {what}, and also has {', '.join(more)}, which would stay: remove these first"


def _secured_already(facts: IstioFacts, intent: MutualTls, service: Service | None) -> Iterator[str]:
    if intent.service and service is None:
        return
    place, labels = (service.namespace, service.selector) if service else (facts.root, {})
    name = service.name if service else "default"
    for each in facts.those("PeerAuthentication"):
        selected = (each.spec.get("selector") or {}).get("matchLabels") or {}
        same = each.ref.namespace == place and selected == labels
        mode = str((each.spec.get("mtls") or {}).get("mode", ""))
        if same and (each.ref.name != name or mode != intent.mode.upper()) and not (
            facts.take_over and each.ref.name == name
        ):  # fmt: skip
            about = str(service) if service else "the whole mesh"
            yield f"{each} sets {mode or 'the mode'} for {about} already: remove it first"


def _opened_already(facts: IstioFacts, intent: EgressControl) -> Iterator[str]:
    wanted = {each.lower() for each in intent.hosts}
    for each in facts.those("ServiceEntry"):
        more = sorted(set(map(str, each.spec.get("hosts") or [])) - wanted)
        if more and each.spec.get("location", "MESH_EXTERNAL") == "MESH_EXTERNAL":
            yield f"{each} opens {', '.join(more)} too, which the intent does not allow: remove it, or name these hosts"
    for each in facts.those("Sidecar"):
        mode = (each.spec.get("outboundTrafficPolicy") or {}).get("mode")
        if mode != "REGISTRY_ONLY":
            yield f"{each} decides for its workloads instead: give it outboundTrafficPolicy REGISTRY_ONLY"


def _exposed_already(facts: IstioFacts, intent: Ingress) -> Iterator[str]:
    for each in facts.those("VirtualService"):
        gateways = [str(name) for name in each.spec.get("gateways") or [] if name != _MESH]
        if gateways and intent.host.lower() in map(str, each.spec.get("hosts") or []):
            yield f"{each} exposes {intent.host} already, by the gateway {', '.join(gateways)}: remove it first"


def _logged_already(facts: IstioFacts, service: Service | None) -> Iterator[str]:
    place, labels = (service.namespace, service.selector) if service else (facts.root, {})
    for each in facts.those("Telemetry"):
        selected = (each.spec.get("selector") or {}).get("matchLabels") or {}
        if each.ref.namespace == place and selected == labels and not each.spec.get("targetRefs"):
            about = str(service) if service else "the whole mesh"
            yield f"{each} is the one Telemetry that Istio takes for {about}: add accessLogging to it, or remove it"
