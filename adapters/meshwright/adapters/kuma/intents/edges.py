"""Where traffic leaves the mesh and where it enters it: hosts outside that may be reached, and gateways.

Invariant: egress is closed for the whole mesh, but for the hosts of the design; a host of a gateway leads to a service
with all that the design says of that service.
"""

import ipaddress
import re
from collections.abc import Sequence

from meshwright.adapters.kuma import words
from meshwright.adapters.kuma.facts import KumaFacts
from meshwright.adapters.kuma.intents import outbound, values
from meshwright.adapters.kuma.intents.values import Json
from meshwright.adapters.kuma.intents.versions import version
from meshwright.core.kit.lifecycle.expressing import CannotExpress, versions
from meshwright.schemas.intents import AnyIntent, EgressControl, Ingress, Resource

NOTE = (
    "the hosts are reached on port 80 by HTTP and on port 443 by TLS, addresses on any port; an application that goes"
    " around its proxy is not held back by any mesh"
)
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_PORTS = (("http", 80), ("tls", 443))


def egress(facts: KumaFacts, wish: EgressControl) -> Resource:
    """What proxies let through besides the services of the mesh. Raises CannotExpress."""
    matches = [match for host in dict.fromkeys(each.lower() for each in wish.hosts) for match in _matches(host)]
    default: Json = {"passthroughMode": "Matched", "appendMatch": matches} if matches else {"passthroughMode": "None"}
    return values.of_mesh(facts, "MeshPassthrough", {"default": default})


def ingress(facts: KumaFacts, exposed: Sequence[Ingress]) -> list[Resource]:
    """One gateway of the design, and what it exposes. Raises CannotExpress."""
    if facts.universal:
        raise CannotExpress(
            "outside of Kubernetes a gateway is a proxy that somebody starts, and no policy makes one",
            "start a gateway, and write its MeshGateway and MeshHTTPRoute as resources of the design",
        )
    name = f"{facts.design}-gateway"
    hosts: dict[str, list[Ingress]] = {}
    for each in exposed:
        if facts.service(each.service):
            hosts.setdefault(each.host.lower(), []).append(each)
    if not hosts:
        return []
    tags = {words.SERVICE: name}
    listeners = [{"port": 80, "protocol": "HTTP"}]
    instance: Json = {"replicas": 1, "serviceType": "LoadBalancer", "tags": tags}
    made = [
        values.of_cluster(
            facts, "MeshGateway", name, {"selectors": [{"match": tags}], "conf": {"listeners": listeners}}
        ),
        values.policy(facts, "MeshGatewayInstance", facts.namespace, name, instance),
    ]
    to = []
    for host, paths in sorted(hosts.items()):
        if host != "*" and not _HOST.fullmatch(host):
            raise CannotExpress(f"{host!r} is no host name as Kuma takes it", "write shop.example or *.shop.example")
        rules = []
        for each in sorted(paths, key=lambda one: (-len(one.path_prefix), one.path_prefix)):
            own, services = _behind(facts, each)
            rules += own
            made += [one for one in services if one not in made]
        to.append({"targetRef": {"kind": "Mesh"}, "hostnames": [host], "rules": rules})
    spec: Json = {"targetRef": {"kind": "MeshGateway", "name": name}, "to": to}
    return [*made, values.policy(facts, "MeshHTTPRoute", facts.plane, name, spec)]


def _behind(facts: KumaFacts, exposed: Ingress) -> tuple[list[Json], list[Resource]]:
    """The rules of a path, and the Services of versions that they lead to. Raises CannotExpress."""
    service = facts.service(exposed.service)
    assert service is not None  # who asks has looked
    said: list[AnyIntent] = [each for each in facts.said(service) if isinstance(each, outbound.ROUTED)]
    if len(service.http_ports) != 1:
        raise CannotExpress(
            f"{service} has {len(service.http_ports)} ports for requests, and an ingress leads to one",
            "expose a service with one port whose appProtocol is http",
        )
    services = {each: version(facts, service, each) for each in versions(said)}
    names = {each: name for each, (name, _) in services.items()}
    path = exposed.path_prefix.rstrip("/") or "/"
    match = {"path": {"type": "PathPrefix", "value": path}}
    rules = outbound.rules(facts, service, service.http_ports[0], said, names, match)
    return rules, [one for _, one in services.values() if one is not None]


def _matches(host: str) -> list[Json]:
    try:
        ipaddress.ip_network(host, strict=False)
    except ValueError:
        pass
    else:
        return [{"type": "CIDR" if "/" in host else "IP", "value": host, "protocol": "tcp"}]
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise CannotExpress(
            f"{host!r} is no host name or address as Kuma takes it: labels of letters, digits and hyphens, the first"
            " may be *",
            "write names such as api.example.com or *.example.com, or addresses",
        )
    return [{"type": "Domain", "value": host, "protocol": protocol, "port": port} for protocol, port in _PORTS]
