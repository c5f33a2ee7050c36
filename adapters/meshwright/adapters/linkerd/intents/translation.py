"""From one intent to the resources that it becomes, together with what its design says of the same service.

Invariant: two intents of a design that speak of one service give the same resource, whole; the kit applies it once.
"""

from typing import Any

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.adapter import adapter
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.intents import egress, policies, routing, services, values
from meshwright.core.kit.lifecycle.expressing import CannotExpress, Expressing
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import Intent, Resource

_BY_REQUEST = (*routing.KINDS, *services.KINDS, wishes.RateLimit)


def _check_ports(intent: Intent, facts: LinkerdFacts) -> None:
    """Requests can only be told apart where Linkerd looks for them. Raises CannotExpress."""
    service = facts.service_of(intent)
    if service and isinstance(intent, _BY_REQUEST) and service.ports and not service.http_ports:
        ports = ", ".join(str(each.number) for each in service.ports)
        raise CannotExpress(
            f"every port of {service} is opaque to Linkerd ({ports}): it carries bytes there, and no requests",
            f"set appProtocol: http on the port, or leave it out of {words.OPAQUE_PORTS}",
        )


def _notes(intent: Intent, facts: LinkerdFacts, resources: list[Resource]) -> list[str]:
    """What a person should know of a translation."""
    service = facts.service_of(intent)
    if not resources and (name := getattr(intent, "service", None)):
        return [f"there is no service {name}" if service is None else f"{name} has no workloads"]
    notes = []
    if isinstance(intent, wishes.EgressControl):
        notes.append(egress.NOTE)
    if isinstance(intent, wishes.Retry):
        notes.append(services.RETRY_NOTE)
    if isinstance(intent, wishes.CircuitBreaker):
        notes.append(services.BREAKER_NOTE)
    if isinstance(intent, wishes.AccessLog):
        notes.append("the pods of these workloads are started anew, since a proxy is told to log when it starts")
    servers = [each for each in resources if each.ref.kind == "Server"]
    if servers and servers[0].body["spec"]["accessPolicy"] == "deny":
        ports = ", ".join(str(each.body["spec"]["port"]) for each in servers)
        notes.append(
            f"on port {ports} of {service} whoever is not allowed is refused from then on, with or without an identity;"
            " probes of the kubelet are let through"
        )
    return notes


_intent = Expressing[LinkerdFacts](adapter, check=_check_ports, notes=_notes)


def _routed(intent: Any, facts: LinkerdFacts) -> list[Resource]:
    """The routes of a service, with all that the design says of them."""
    service = facts.service(intent.service)
    return routing.routes(facts, service, facts.said(service, intent)) if service else []


def _annotated(intent: Any, facts: LinkerdFacts) -> list[Resource]:
    """The annotations of a service, with all that the design says of it."""
    service = facts.service(intent.service)
    return services.annotations(service, facts.said(service, intent)) if service else []


_intent(wishes.TrafficSplit, "2.15")(_routed)
_intent(wishes.HeaderRoute, "2.15")(_routed)
_intent(wishes.Timeout, "2.16")(_annotated)
_intent(wishes.Retry, "2.16")(_annotated)
_intent(wishes.CircuitBreaker, "2.15")(_annotated)


@_intent(wishes.MutualTls, "2.16")
def mutual_tls(intent: wishes.MutualTls, facts: LinkerdFacts) -> list[Resource]:
    """Servers that let in whoever has an identity, or everybody."""
    if intent.service is None:
        raise CannotExpress(
            "Linkerd encrypts between meshed pods always; whether pods let in others is decided when each starts, by"
            " the default of the control plane or an annotation",
            f"name the services, or install with proxy.defaultInboundPolicy ({words.INBOUND_POLICY} on namespaces) and"
            " restart the workloads",
        )
    service = facts.service(intent.service)
    return policies.servers(facts, service, facts.said(service, intent)) if service else []


@_intent(wishes.DenyAll, "2.16")
def deny_all(intent: wishes.DenyAll, facts: LinkerdFacts) -> list[Resource]:
    """Servers that let in nobody who is not allowed."""
    if intent.service is None:
        raise CannotExpress(
            "what pods let in where no Server says it is decided when each starts, for the whole mesh by the control"
            " plane",
            f"name the services, or install with proxy.defaultInboundPolicy: deny ({words.INBOUND_POLICY} on"
            " namespaces) and restart the workloads",
        )
    service = facts.service(intent.service)
    return policies.servers(facts, service, facts.said(service, intent)) if service else []


@_intent(wishes.Allow, "2.16")
def allow(intent: wishes.Allow, facts: LinkerdFacts) -> list[Resource]:
    """Servers that let in nobody, and policies for those who are allowed."""
    service = facts.service(intent.service)
    if service is None:
        return []
    said = facts.said(service, intent)
    allows = [each for each in said if isinstance(each, wishes.Allow)]
    return [*policies.servers(facts, service, said), *policies.allowed(facts, service, allows)]


@_intent(wishes.RateLimit, "2.17")
def rate_limit(intent: wishes.RateLimit, facts: LinkerdFacts) -> list[Resource]:
    """A limit for each instance, and the Server that it refers to."""
    service = facts.service(intent.service)
    if service is None:
        return []
    return [*policies.servers(facts, service, facts.said(service, intent)), *policies.limits(service, intent)]


@_intent(wishes.EgressControl, "2.17")
def egress_control(intent: wishes.EgressControl, facts: LinkerdFacts) -> list[Resource]:
    """An EgressNetwork that refuses, and routes for each host."""
    return egress.egress(facts, intent)


@_intent(wishes.AccessLog, "2.15")
def access_log(intent: wishes.AccessLog, facts: LinkerdFacts) -> list[Resource]:
    """An annotation of the pods of the workloads, which starts them anew."""
    if intent.service is None:
        raise CannotExpress(
            "a proxy is told to log when it starts, so all workloads of the mesh would be restarted at once",
            "name the services",
        )
    service = facts.service(intent.service)
    template = {"metadata": {"annotations": {words.ACCESS_LOG: "json"}}}
    return [
        values.resource("apps/v1", each.kind, each.namespace, each.name, spec={"template": template})
        for each in (facts.workloads_of(service) if service else [])
    ]


adapter.unsupported(
    wishes.Mirror,
    because="Linkerd's proxy sends a request to one place: it does not copy any",
    instead="send a share of the requests with traffic-split",
)
adapter.unsupported(
    wishes.FaultDelay,
    because="Linkerd's proxy holds no request back on purpose",
    instead="send a share of the requests to a version that answers late, with traffic-split",
)
adapter.unsupported(
    wishes.FaultAbort,
    because="Linkerd's proxy makes no failures up; a share can only be led to a service that fails by itself",
    instead="send a share of the requests to a version that answers with the status, with traffic-split",
)
adapter.unsupported(
    wishes.LoadBalancing,
    because="Linkerd always sends a request to the faster of two instances, by their latest latencies, and has no word"
    " for another way",
)
adapter.unsupported(
    wishes.Ingress,
    because="Linkerd has no gateway of its own for requests from outside",
    instead="enrol an ingress controller as a workload, and expose the service there",
)
