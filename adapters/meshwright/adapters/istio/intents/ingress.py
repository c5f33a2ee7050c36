"""Ingress: a Gateway for a host, and the routes behind it.

Invariant: what a design says of a service (splits, header routes, retries, faults) holds for requests from outside as
for those of the mesh; longer paths come first, as people mean them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from meshwright.adapters.istio.facts import CLASSIC, GATEWAYS, IngressGateway, IstioFacts
from meshwright.adapters.istio.intents import egress, routing, values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import AnyIntent, Resource

_USUAL = ({"istio": "ingressgateway"}, {"istio": "ingress"})
_READABLE = 48
"""characters of a host in the name of its Gateway, which has 63"""
_LONGEST_GATEWAY = 57
"""characters: Istio makes a Service of its name and `-istio`"""


class Path(NamedTuple):
    """What a host has under a path: a service, what the design says of its requests, its versions' subsets."""

    prefix: str
    service: Service
    intents: Sequence[AnyIntent]
    subsets: Mapping[str, str]


def ingress(facts: IstioFacts, host: str, paths: Sequence[Path]) -> list[Resource]:
    """Everything that one host needs. Raises CannotExpress."""
    if host != "*" and not egress.HOST.fullmatch(host):
        raise CannotExpress(f"{host!r} is no host name as Istio takes it", "write shop.example.com, *.example.com or *")
    ordered = sorted(paths, key=lambda each: (-len(each.prefix), each.prefix))
    namespace = min(each.service.namespace for each in ordered)
    gateway = _gateway(facts)
    if gateway is None:
        return _by_gateway_api(facts, host, namespace, ordered)
    name = _name(host)
    server = {"port": {"number": 80, "name": "http", "protocol": "HTTP"}, "hosts": [host]}
    opening: Json = {"selector": gateway.labels, "servers": [server]}
    routes = [
        route
        for each in ordered
        for route in routing.routes(
            each.service, each.intents, each.subsets, port=_port(each.service), path_prefix=each.prefix
        )
    ]
    spec: Json = {"hosts": [host], "gateways": [f"{namespace}/{name}"], "http": routes}
    return [
        values.resource(CLASSIC, "v1", "Gateway", namespace, name, opening),
        values.resource(CLASSIC, "v1", "VirtualService", namespace, name, spec),
    ]


def _gateway(facts: IstioFacts) -> IngressGateway | None:
    """The proxies that take requests from outside; None when there are none, but Istio can make some."""
    if len(facts.gateways) == 1:
        return facts.gateways[0]
    for labels in _USUAL:
        matching = [each for each in facts.gateways if each.labels == labels]
        if len(matching) == 1:
            return matching[0]
    if facts.gateways:
        names = ", ".join(f"{each.namespace}/{each.name}" for each in facts.gateways)
        raise CannotExpress(
            f"there are several gateways ({names}) and none has the label istio: ingressgateway alone",
            "write a Gateway for the right one as a resource of the design",
        )
    if not facts.gateway_api:
        raise CannotExpress(
            "this mesh has no ingress gateway, and the cluster does not serve the Gateway API",
            "install the gateway chart (profile default), or the definitions of the Gateway API",
        )
    return None


def _by_gateway_api(facts: IstioFacts, host: str, namespace: str, paths: Sequence[Path]) -> list[Resource]:
    if routed := sorted({str(each.service) for each in paths if each.intents}):
        raise CannotExpress(
            f"a gateway of the Gateway API does not follow the splits, faults and the like of {', '.join(routed)}",
            "install the gateway chart (profile default)",
        )
    if abroad := sorted({str(each.service) for each in paths if each.service.namespace != namespace}):
        raise CannotExpress(
            f"{', '.join(abroad)} live in other namespaces than the route, which needs their ReferenceGrant",
            "expose them under hosts of their own",
        )
    name = values.object_name("ingress", facts.design)
    if len(name) > _LONGEST_GATEWAY:
        raise CannotExpress(f"the name {name} is longer than that of a Service", "give the design a shorter name")
    listener: Json = {"name": "http", "port": 80, "protocol": "HTTP", "allowedRoutes": {"namespaces": {"from": "Same"}}}
    rules = []
    for path, service, _, _ in paths:
        if path != "/":
            raise CannotExpress(
                "the Gateway API compares paths by whole segments, and an ingress intent by their beginning",
                "install the gateway chart (profile default), or expose the whole host",
            )
        backend = {"name": service.name, "port": _port(service)}
        rules.append({"matches": [{"path": {"type": "PathPrefix", "value": path}}], "backendRefs": [backend]})
    route: Json = {"parentRefs": [{"name": name}], "rules": rules}
    route |= {} if host == "*" else {"hostnames": [host]}
    opening: Json = {"gatewayClassName": "istio", "listeners": [listener]}
    return [
        values.resource(GATEWAYS, "v1", "Gateway", namespace, name, opening),
        values.resource(GATEWAYS, "v1", "HTTPRoute", namespace, _name(host), route),
    ]


def _name(host: str) -> str:
    """A name for what belongs to a host: without dots, as Gateways have it, so a digest tells hosts apart."""
    readable = host.replace("*", "any").replace(".", "-")[:_READABLE].rstrip("-")
    return f"ingress-{readable}-{hashlib.sha256(host.encode()).hexdigest()[:6]}"


def _port(service: Service) -> int:
    ports = [each.number for each in service.http_ports]
    if len(ports) == 1:
        return ports[0]
    if not ports:
        raise CannotExpress(f"no port of {service} carries HTTP by its name", "name a port http, http2 or grpc")
    raise CannotExpress(
        f"{service} has several ports for HTTP: {', '.join(map(str, ports))}",
        "expose a service that has one, or name the others tcp",
    )
