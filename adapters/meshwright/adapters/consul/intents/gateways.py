"""Ingress: the listener of an ingress gateway, and the routes behind it.

Problem: an ingress gateway sends a host to a service, and knows no paths. Invariant: a host with several paths is a
virtual service of its own, whose router sends each path on with what the design says of that service; longer paths come
first. Hosts that are exposed by others stay as they are.
"""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from meshwright.adapters.consul.facts import ConsulFacts
from meshwright.adapters.consul.intents import routing, values
from meshwright.adapters.consul.intents.values import Json
from meshwright.core.kit.lifecycle.expressing import CannotExpress, subset_names, versions
from meshwright.schemas.intents import AnyIntent, Ingress, Resource

_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})+")
_READABLE = 40


class Path(NamedTuple):
    """What a host has under a path: a service, and what the design says of it."""

    prefix: str
    service: str
    intents: Sequence[AnyIntent]


def ingress(facts: ConsulFacts, hosts: dict[str, list[Path]]) -> list[Resource]:
    """Everything that the hosts of a design need. Raises CannotExpress."""
    gateway = _gateway(facts)
    port = facts.ingress_port
    services, behind = [], []
    for host, paths in sorted(hosts.items()):
        if host != "*" and not _HOST.fullmatch(host):
            raise CannotExpress(
                f"{host!r} is no host name as Consul takes it", "write shop.example.com or *.example.com"
            )
        name, resources = _behind(facts, host, sorted(paths, key=lambda each: (-len(each.prefix), each.prefix)))
        services.append({"Name": name, "Hosts": [host]})
        behind += resources
    listener: Json = {"Port": port, "Protocol": "http", "Services": services}
    return [*behind, values.resource("ingress-gateway", gateway, {"Listeners": _listeners(facts, gateway, listener)})]


def hosts_of(intents: Sequence[AnyIntent]) -> dict[str, list[Ingress]]:
    """The hosts that a design exposes, with their paths."""
    hosts: dict[str, list[Ingress]] = {}
    for each in intents:
        if isinstance(each, Ingress):
            hosts.setdefault(each.host.lower(), []).append(each)
    return hosts


def _behind(facts: ConsulFacts, host: str, paths: list[Path]) -> tuple[str, list[Resource]]:
    """The service that a host is sent to, and what makes it."""
    if [each.prefix for each in paths] == ["/"]:
        return paths[0].service, []
    readable = host.replace("*", "any").replace(".", "-")[:_READABLE].strip("-")
    name = f"ingress-{readable}-{hashlib.sha256(host.encode()).hexdigest()[:6]}"
    routes = []
    for prefix, service, intents in paths:
        subsets = subset_names(service, versions(intents))
        routes += list(routing.routes(service, intents, subsets, path_prefix=prefix))
    router = values.resource("service-router", name, {"Routes": routes})
    if facts.is_routed(name):
        return name, [router]
    return name, [values.resource("service-defaults", name, {"Protocol": "http"}), router]


def _gateway(facts: ConsulFacts) -> str:
    if len(facts.gateways) == 1:
        return facts.gateways[0]
    if facts.gateways:
        raise CannotExpress(
            f"there are several ingress gateways: {', '.join(sorted(facts.gateways))}",
            "write an ingress-gateway entry for the right one as a resource of the design",
        )
    raise CannotExpress(
        "no service of the kind ingress-gateway is registered",
        "start one (consul connect envoy -gateway=ingress -register), and apply the design again",
    )


def _listeners(facts: ConsulFacts, gateway: str, mine: Json) -> list[Json]:
    """Those that others have made, with the hosts of this design in the one of its port."""
    listeners = list(facts.kept("ingress-gateway", gateway).get("Listeners", []))
    same = next((each for each in listeners if each.get("Port") == mine["Port"]), None)
    if same is None:
        return [*listeners, mine]
    names = {each["Name"] for each in mine["Services"]}
    kept = [each for each in same.get("Services", []) if each.get("Name") not in names]
    return [{**each, "Services": [*kept, *mine["Services"]]} if each is same else each for each in listeners]
