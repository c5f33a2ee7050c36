"""Routes of VirtualServices to services of the cluster, for requests of sidecars.

Invariant: of two VirtualServices for one service the older one counts, as Istio has it.
"""

from meshwright.adapters.istio.importing import ingress
from meshwright.adapters.istio.importing.route_reader import MESH, Target, intents_of, service_of
from meshwright.core.kit.importing import Field, Reading, Surroundings, routes
from meshwright.core.kit.importing.fields import for_each
from meshwright.schemas.intents import AnyIntent


def virtual_service(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """What it says of the services that are its hosts."""
    spec = reading.spec
    gateways = [each.text for each in spec.at("gateways").each()]
    if gateways and MESH not in gateways:
        return ingress.routes_of_gateway(reading, around)
    for each in spec.at("gateways").each():
        if each.text == MESH:
            each.express()
        else:
            each.leave("routes of a gateway are read where they are not those of the mesh too")
    hosts: list[tuple[Field, Target]] = []
    for host in spec.at("hosts").each():
        target = service_of(host.text, reading)
        if target is None:
            host.leave("it is no service of the cluster")
        elif other := around.claim(routes.ROUTES, target, reading.ref):
            host.leave(f"{other} routes this service already")
        else:
            host.express()
            hosts.append((host, target))
    if not hosts or not spec.at("http").each():
        spec.leave("it routes no requests of HTTP to a service of the cluster")

    def of_host(trial: Reading, index: int) -> list[AnyIntent] | None:
        target, http = hosts[index][1], trial.spec.at("http")
        return intents_of(http, target, around)

    return for_each(reading, [host for host, _ in hosts], of_host)
