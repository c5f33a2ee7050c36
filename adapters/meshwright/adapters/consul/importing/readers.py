"""Consul's entries, as resources or behind its own API, read as splits, routes, permissions and modes.

Problem: one route of a service lies in three entries: a resolver says what a subset is, a splitter and a router lead to
it. Invariant: an entry is read whole or not at all where leaving out a condition would let in or send more than it
does; a subset is a version only where its filter says exactly that.
"""

import re
from typing import Any

import msgspec

from meshwright.adapters.consul.cluster.words import GROUP
from meshwright.core.kit.importing import Field, Reading, Surroundings
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.core.kit.importing.values import duration
from meshwright.schemas import intents as wishes
from meshwright.schemas.intents import AnyIntent

_VERSION = re.compile(r'Service\.Meta\.(?:version|app_version) == "(?P<meta>[^"]+)"|"(?P<tag>[^"]+)" in Service\.Tags')
_POLICIES = {"round_robin": "round-robin", "least_request": "least-request", "random": "random"}
_MATCHES = {"exact": "exact", "prefix": "prefix", "regex": "regex"}


def defaults(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """The mode of mutual TLS; the protocol comes with what needs it."""
    protocol = reading.spec.at("protocol")
    if protocol.text == "http":
        protocol.express()
    elif protocol:
        protocol.leave("intents set http alone: set it beside them, and it is kept")
    return _mode(reading, _name(reading, reading.name))


def proxies(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """The mode of all, and whether they log."""
    found, logs = _mode(reading, None), reading.spec.at("accessLogs")
    if logs.at("enabled").value is True and not logs.others("enabled"):
        logs.express_whole()
        found.append(wishes.AccessLog())
    return found


def resolver(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """What balances requests; subsets say nothing by themselves."""
    for _, subset in reading.spec.at("subsets").entries():
        if _VERSION.fullmatch(subset.at("filter").text) and not subset.others("filter"):
            subset.express_whole()
        else:
            subset.leave("an intent knows a version by Service.Meta.version or by a tag")
    balancer = reading.spec.at("loadBalancer")
    policy = _POLICIES.get(balancer.at("policy").text)
    if policy is None or balancer.others("policy"):
        return []
    balancer.express_whole()
    wish = {"intent": "load-balancing", "service": _name(reading, reading.name), "policy": policy}
    return [_made(wish)]


def splitter(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Shares of versions."""
    try:
        backends = []
        for each in reading.spec.at("splits").items():
            amount = each.at("weight").amount or 0.0
            if each.others("weight", "serviceSubset", "service") or amount != int(amount):
                raise Unexpressed("an intent splits by whole percents, and changes no headers")
            backends.append({"version": _version(each, reading, around), "weight": int(amount)})
        intent = _made({"intent": "traffic-split", "service": _name(reading, reading.name), "backends": backends})
    except Unexpressed as error:
        reading.spec.leave(str(error))
        return []
    reading.spec.express_whole()
    return [intent]


def router(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Routes by one header, then what holds for all requests."""
    try:
        routes = reading.spec.at("routes").items()
        common = routes[-1].at("destination") if routes else reading.spec
        if not routes or routes[-1].at("match", "http").others("pathPrefix") or common.at("serviceSubset"):
            raise Unexpressed("the last route of an intent is for all requests, and leads to the whole service")
        found = [_header_route(each, common, reading, around) for each in routes[:-1]]
        _check_path(routes[-1])
        found += _common(common, reading)
    except Unexpressed as error:
        reading.spec.leave(str(error))
        return []
    reading.spec.express_whole()
    return found


def intentions(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Who may call, where everybody else may not."""
    name = reading.spec.at("destination", "name").text or reading.name
    service = None if name == "*" else _name(reading, name)
    try:
        sources = {each.at("name").text: each for each in reading.spec.at("sources").items()}
        for each in sources.values():
            if each.others("name", "action", "type", "description", "precedence") or each.at("action").text == "":
                raise Unexpressed("an intent allows by name; permissions of paths and methods are written as they are")
        allowed = [each for each, source in sources.items() if source.at("action").text == "allow"]
        if "*" not in sources or "*" in allowed or (allowed and service is None):
            raise Unexpressed("an intent allows callers of one service, and nobody else: say that * is denied, too")
    except Unexpressed as error:
        reading.spec.leave(str(error))
        return []
    reading.spec.express_whole()
    if not allowed or service is None:
        return [wishes.DenyAll(service=service)]
    return [wishes.Allow(source=_name(reading, each), service=service) for each in allowed]


def _mode(reading: Reading, service: str | None) -> list[AnyIntent]:
    mode = reading.spec.at("mutualTLSMode")
    if mode.text not in ("strict", "permissive"):
        return []
    mode.express()
    return [wishes.MutualTls(mode="strict" if mode.text == "strict" else "permissive", service=service)]


def _version(leg: Field, reading: Reading, around: Surroundings) -> str:
    """The version to which a split or a route leads. Raises Unexpressed."""
    if leg.at("service").text not in ("", reading.name):
        raise Unexpressed("an intent leads to versions of one service")
    subset = leg.at("serviceSubset").text
    for each in around.manifests.of(GROUP, "ServiceResolver"):
        if each.ref.name == reading.name:
            text = Reading(each).spec.at("subsets", subset, "filter").text
            if told := _VERSION.fullmatch(text):
                return told["meta"] or told["tag"]
    raise Unexpressed(f"no ServiceResolver here says which version the subset {subset or 'that is not named'} is")


def _header_route(route: Field, common: Field, reading: Reading, around: Surroundings) -> AnyIntent:
    _check_path(route)
    headers, destination = route.at("match", "http", "header").items(), route.at("destination")
    if len(headers) != 1 or route.at("match", "http").others("pathPrefix", "header"):
        raise Unexpressed("an intent routes by one header")
    known = [key for key in _MATCHES if headers[0].at(key).text]
    if len(known) != 1 or headers[0].others("name", *known):
        raise Unexpressed("an intent compares a header by exact, prefix or regex")
    own = {field.name: field.value for field in destination.others("service", "serviceSubset")}
    if own != {field.name: field.value for field in common.others("service")}:
        raise Unexpressed("time-outs and retries of an intent hold for all requests of a service")
    header = {"name": headers[0].at("name").text, known[0]: headers[0].at(known[0]).text}
    version = _version(destination, reading, around)
    return _made(
        {"intent": "header-route", "service": _name(reading, reading.name), "header": header, "version": version}
    )


def _check_path(route: Field) -> None:
    if route.at("match", "http", "pathPrefix").text_or("/") != "/" or route.others("match", "destination"):
        raise Unexpressed("an intent is for all paths of a service")


def _common(destination: Field, reading: Reading) -> list[AnyIntent]:
    service, found = _name(reading, reading.name), list[AnyIntent]()
    if destination.at("service").text not in ("", reading.name):
        raise Unexpressed("an intent leads to versions of one service")
    if destination.others("service", "requestTimeout", "numRetries", "retryOn"):
        raise Unexpressed("an intent says a time-out and retries with their reasons, and nothing else, for all")
    if timeout := destination.at("requestTimeout"):
        if (length := duration(timeout.text)) is None:
            raise Unexpressed("the time-out is none that an intent can say")
        found.append(wishes.Timeout(service=service, timeout=length))
    if destination.at("numRetries"):
        reasons = destination.at("retryOn").texts()
        attempts = destination.at("numRetries").number
        found.append(_made({"intent": "retry", "service": service, "attempts": attempts, "retry_on": reasons}))
    return found


def _made(wish: dict[str, Any]) -> AnyIntent:
    """An intent of plain values. Raises Unexpressed."""
    try:
        intent: AnyIntent = msgspec.convert(wish, AnyIntent)
    except msgspec.ValidationError as error:
        raise Unexpressed(str(error)) from error
    return intent


def _name(reading: Reading, name: str) -> str:
    """A service as intents name it: with its namespace, where it has one."""
    return f"{reading.namespace}/{name}" if reading.namespace else name
