"""Traffic splits and header routes: one HTTPRoute for each port of a service, and a Service for each version.

Invariant: a route always ends with a rule for every request: Linkerd answers those that no rule fits with 404. A route
of the Gateway API leads to Services, so a version has one of its own.
"""

from collections.abc import Sequence

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.intents import values
from meshwright.adapters.linkerd.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service, ServicePort
from meshwright.core.kit.kubernetes.facts.version_services import version_service
from meshwright.core.kit.lifecycle.expressing import CannotExpress, versions
from meshwright.schemas.intents import AnyIntent, HeaderRoute, Resource, TrafficSplit

KINDS = (TrafficSplit, HeaderRoute)
_MOST_RULES = 16
"""that the Gateway API takes in one route"""


def routes(facts: LinkerdFacts, service: Service, intents: Sequence[AnyIntent]) -> list[Resource]:
    """The routes to a service and the Services of its versions. Raises CannotExpress."""
    if not facts.gateway_api:
        raise CannotExpress(
            "the cluster does not serve HTTPRoute of the Gateway API, by which Linkerd routes requests",
            "install the Gateway API in a version that this Linkerd takes",
        )
    backends = {each: version_service(facts, service, each) for each in versions(intents)}
    made = [resource for _, resource in backends.values() if resource is not None]
    names = {version: name for version, (name, _) in backends.items()}
    return [*made, *(_route(service, port, intents, names) for port in service.http_ports)]


def route_name(service: Service, port: ServicePort) -> str:
    """The name of the route to a port of a service."""
    return f"{service.name}-mesh" if len(service.http_ports) == 1 else f"{service.name}-mesh-{port.number}"


def _route(service: Service, port: ServicePort, intents: Sequence[AnyIntent], names: dict[str, str]) -> Resource:
    def to(name: str, weight: int | None = None) -> Json:
        weighted = {} if weight is None else {"weight": weight}
        return {"group": "", "kind": "Service", "name": name, "port": port.number, **weighted}

    rules: list[Json] = [
        {"matches": [{"headers": [values.header(each.header)]}], "backendRefs": [to(names[each.version])]}
        for each in intents
        if isinstance(each, HeaderRoute)
    ]
    split = next((each for each in intents if isinstance(each, TrafficSplit)), None)
    shares = [to(names[each.version], each.weight) for each in split.backends] if split else [to(service.name)]
    rules.append({"backendRefs": shares})
    if len(rules) > _MOST_RULES:
        raise CannotExpress(f"{service} has {len(rules) - 1} header routes, and a route takes {_MOST_RULES - 1}")
    parent = {"group": "", "kind": "Service", "name": service.name, "port": port.number}
    spec: Json = {"parentRefs": [parent], "rules": rules}
    api = f"{words.GATEWAYS}/v1"
    return values.resource(api, "HTTPRoute", service.namespace, route_name(service, port), spec=spec)
