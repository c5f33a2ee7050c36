"""Routes of gateways: VirtualServices of the ingress gateway, with the Gateway that opens it.

Problem: what an ingress intent exposes is treated as requests of the mesh are, while routes of a gateway are their own.
Invariant: an ingress is only given where the gateway does with requests to a service what the mesh does with them.
"""

from meshwright.adapters.istio.facts import CLASSIC
from meshwright.adapters.istio.importing.route_reader import MESH, RouteReader, Target, intents_of, service_of
from meshwright.core.kit.analysis import Manifest
from meshwright.core.kit.importing import Field, Reading, Surroundings, oldest_first, routes, values
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.schemas.intents import AnyIntent, Ingress

_SELECTORS = ({"istio": "ingressgateway"}, {"istio": "ingress"})
"""of the gateway that an ingress intent means"""


def routes_of_gateway(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Which services hosts lead to."""
    spec = reading.spec
    try:
        gateway = _gateway(reading, around)
        opening = [field for host in spec.at("hosts").items() for field in _opening(host, gateway)]
        paths = _paths(spec.at("http"), around)
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    wishes = [
        Ingress(host=host.text, service="/".join(target), path_prefix=path)
        for host in spec.at("hosts").each()
        for path, target in paths.items()
    ]
    if wrong := next((text for each in wishes if (text := values.problem(each))), ""):
        spec.leave(f"as an intent it is not allowed: {wrong}")
        return []
    for field in (*spec.at("gateways").each(), *spec.at("hosts").each()):
        field.express()
    for field in opening:
        around.say(field)
    return list(wishes)


def gateway(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """A Gateway says nothing by itself: it is read with the routes behind it."""
    for pointer in around.said(reading.ref):
        reading.express(pointer)
    if not around.said(reading.ref):
        reading.spec.leave("no ingress intent is behind it")
    return []


def _gateway(reading: Reading, around: Surroundings) -> Reading:
    names = reading.spec.at("gateways").texts()
    if len(names) != 1:
        raise Unexpressed("an ingress intent has one gateway")
    namespace, _, name = names[0].rpartition("/")
    manifest = around.manifests.get(CLASSIC, "Gateway", namespace or reading.namespace, name)
    if manifest is None:
        raise Unexpressed(f"the Gateway {names[0]} is not among the resources")
    return Reading(manifest)


def _opening(host: Field, gateway: Reading) -> list[Field]:
    """The fields by which a gateway opens a host for HTTP on port 80, as an intent does. Raises Unexpressed."""
    for server in gateway.spec.at("servers").each():
        port, names = server.at("port"), server.at("hosts").each()
        is_http = (port.at("number").value, port.at("protocol").value) == (80, "HTTP") and not server.at("tls")
        same = [each for each in names if each.text == host.text]
        if is_http and host.text and same:
            selector = [gateway.spec.at("selector")] if gateway.spec.at("selector").value in _SELECTORS else []
            name = [port.at("name")] if port.at("name").text == "http" else []
            return [port.at("number"), port.at("protocol"), *name, *same, *selector]
    raise Unexpressed(f"its gateway does not open {host.text or 'a host'} for HTTP on port 80")


def _paths(http: Field, around: Surroundings) -> dict[str, Target]:
    """The services behind paths. Raises Unexpressed when requests to them are treated otherwise than in the mesh."""
    paths: dict[str, Target] = {}
    tables: dict[str, list[routes.Route]] = {}
    last = ""
    for route in http.items():
        path, target = _path(route), _target(route)
        if path != last and any(path.startswith(each) for each in paths):
            raise Unexpressed("an earlier route takes the requests of a later one")
        if paths.setdefault(path, target) != target:
            raise Unexpressed("an ingress intent leads to one service, and not to several")
        reader = RouteReader(route, target, around, path)
        tables.setdefault(path, []).extend(reader.table())
        last = path
    for path, target in paths.items():
        wishes = routes.intents_of("/".join(target), tables[path], http)
        if wishes is None or not _alike(wishes, _of_mesh(target, around)):
            raise Unexpressed("the gateway treats requests otherwise than the mesh does, and intents hold for both")
    if not paths:
        raise Unexpressed("it routes no requests of HTTP")
    return paths


def _path(route: Field) -> str:
    """The beginning that all conditions of a route want of paths."""
    prefixes = {each.at("uri", "prefix").text or "/" for each in route.at("match").items()} or {"/"}
    if len(prefixes) > 1:
        raise Unexpressed("an ingress intent has one beginning of paths")
    return prefixes.pop()


def _target(route: Field) -> Target:
    """The service that a route leads to."""
    hosts = [each.at("destination", "host").text for each in route.at("route").items()]
    target = service_of(hosts[0], route.reading) if hosts else None
    if target is None:
        raise Unexpressed("it does not lead to a service of the cluster")
    return target


def _of_mesh(target: Target, around: Surroundings) -> list[AnyIntent]:
    """What the routes of the mesh say of a service."""
    manifest = around.once("routes of the mesh", lambda: _all_of_mesh(around)).get(target)
    return (intents_of(Reading(manifest).spec.at("http"), target, around) or []) if manifest else []


def _all_of_mesh(around: Surroundings) -> dict[Target, Manifest]:
    """The VirtualServices that route the requests of sidecars, by service."""
    result: dict[Target, Manifest] = {}
    for manifest in oldest_first(around.manifests.of(CLASSIC, "VirtualService")):
        spec = Reading(manifest).spec
        gateways = [each.text for each in spec.at("gateways").each()]
        for host in spec.at("hosts").each() if not gateways or MESH in gateways else ():
            if target := service_of(host.text, spec.reading):
                result.setdefault(target, manifest)
    return result


def _alike(some: list[AnyIntent], others: list[AnyIntent]) -> bool:
    return sorted(map(repr, some)) == sorted(map(repr, others))
