"""Traffic splits and header routes: one HTTPRoute for each port of a service, and a Service for each version.

Problem: a route of the Gateway API leads to Services, and a version of a service is none. Invariant: each version that
a route names has a Service of its own, with the labels that tell its pods apart: one that is there and means exactly
these pods is used, otherwise it comes and goes with the design. A route always ends with a rule for every request:
Linkerd answers those that no rule fits with 404.
"""

from collections.abc import Sequence

from meshwright.adapters.linkerd import words
from meshwright.adapters.linkerd.facts import LinkerdFacts
from meshwright.adapters.linkerd.intents import values
from meshwright.adapters.linkerd.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service, ServicePort
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
    backends = {each: _backend(facts, service, each) for each in versions(intents)}
    made = [resource for _, resource in backends.values() if resource is not None]
    names = {version: name for version, (name, _) in backends.items()}
    return [*made, *(_route(service, port, intents, names) for port in service.http_ports)]


def route_name(service: Service, port: ServicePort) -> str:
    """The name of the route to a port of a service."""
    return f"{service.name}-mesh" if len(service.http_ports) == 1 else f"{service.name}-mesh-{port.number}"


def version_service(service: Service, version: str) -> str:
    """The name of the Service of a version, unless another is there that means the same pods."""
    return values.label(service.name, version)


def standing(facts: LinkerdFacts, service: Service, version: str) -> Service | None:
    """A Service of somebody's that means exactly the pods of a version, on the same ports."""
    selector = {**service.selector, **_labels(facts, service, version)}
    ports = {each.number: each.target for each in service.http_ports}
    return next(
        (
            each
            for each in facts.services
            if each.namespace == service.namespace
            and each.selector == selector
            and ports.items() <= {one.number: one.target for one in each.ports}.items()
        ),
        None,
    )


def _labels(facts: LinkerdFacts, service: Service, version: str) -> dict[str, str]:
    return facts.version_labels(service, version) or {"version": version}


def _backend(facts: LinkerdFacts, service: Service, version: str) -> tuple[str, Resource | None]:
    """The name of a version's Service, and it itself where the design brings it."""
    if not service.selector:
        raise CannotExpress(
            f"the service {service} has no selector, so the pods of its versions cannot be told apart",
            "make a Service for each version, and route between them as resources of the design",
        )
    name = version_service(service, version)
    there = standing(facts, service, version)
    if there is not None and there.name != name:
        return there.name, None
    selector = {**service.selector, **_labels(facts, service, version)}
    spec = {"selector": dict(sorted(selector.items())), "ports": [_port(each) for each in service.http_ports]}
    if there is not None and _is_anothers(facts, service.namespace, name):
        return name, None
    return name, values.resource("v1", "Service", service.namespace, name, spec=spec)


def _is_anothers(facts: LinkerdFacts, namespace: str, name: str) -> bool:
    return any((each.ref.namespace, each.ref.name) == (namespace, name) for each in facts.those("Service"))


def _port(port: ServicePort) -> Json:
    named = {"name": port.name} if port.name else {}
    protocol = {"appProtocol": port.app_protocol} if port.app_protocol else {}
    return {**named, "port": port.number, "targetPort": port.target or port.number, "protocol": "TCP", **protocol}


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
