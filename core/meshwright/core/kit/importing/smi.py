"""SMI: TrafficSplit (v1alpha2 to v1alpha4) and TrafficTarget with the HTTPRouteGroups that they name.

Invariant: a split is of the versions of its root service; a target allows what it says and no more, so one of its rules
that no intent has is left out as a whole.
"""

import re
from collections.abc import Iterator

from meshwright.core.kit.importing import routes, values
from meshwright.core.kit.importing.fields import Field, Reading, Unexpressed
from meshwright.core.kit.importing.routes import Route
from meshwright.core.kit.importing.surroundings import Surroundings, host_parts
from meshwright.schemas.intents import Allow, AnyIntent, HeaderMatch

SPLIT, ACCESS, SPECS = "split.smi-spec.io", "access.smi-spec.io", "specs.smi-spec.io"
_SPLIT_VERSIONS = ("v1alpha2", "v1alpha3", "v1alpha4")
_LITERAL = re.compile(r"/[A-Za-z0-9_~%/-]*")
_EVERY_PATH = (".*", "/.*")
_METHODS = re.compile(r"[A-Z]{1,32}")
Operation = tuple[list[str], list[str]]
"""methods and beginnings of paths, none: all"""
Conditions = tuple[HeaderMatch, ...]
_RULE = ("kind", "name", "matches")
"""fields of a reference to a group, all read"""


def split(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """What a TrafficSplit says of its root service."""
    spec = reading.spec
    version = str(reading.at("apiVersion").value).rpartition("/")[2]
    if version not in _SPLIT_VERSIONS:
        spec.leave(f"of TrafficSplit {', '.join(_SPLIT_VERSIONS)} are read, and this is {version}")
        return []
    target = host_parts(spec.at("service").text, reading.namespace)
    if target is None:
        spec.leave("its root is no service of the cluster")
        return []
    if other := around.claim(routes.ROUTES, target, reading.ref):
        spec.leave(f"{other} routes this service already")
        return []
    try:
        to = _backends(spec, target, around)
        matches = [match for name in spec.at("matches").items() for match in _matches(name, spec.reading, around)]
        conditions = [_condition(each) for each in matches] or [()]
    except Unexpressed as error:
        spec.leave(str(error))
        return []
    spec.at("service").express()
    for name in spec.at("matches").each():
        _express(name, *_RULE)
    table = [Route(place=spec.at("backends"), headers=headers, to=to) for headers in conditions]
    if all(each.headers for each in table):
        table.append(Route(place=spec.at("service"), to=(("", 100),)))  # whoever matches nothing calls the root
    intents = routes.intents_of("/".join(target), table, spec) or []
    for each in matches if intents else ():
        around.say(each)
    return intents


def target(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """Who may call whom, by the services that service accounts stand for."""
    spec = reading.spec
    destination = spec.at("destination")
    place, account = _account(destination, reading.namespace)
    called = around.under(place, account) if destination.at("kind").text == "ServiceAccount" else []
    if not called:
        destination.leave(f"the service account {place}/{account} does not stand for services that are here")
    rules, matches = _rules(spec, reading, around)
    callers = [(each, _caller(each, reading, around)) for each in spec.at("sources").each()]
    callers = [(each, name) for each, name in callers if name]
    if not (called and rules and callers):
        for each in (destination, spec.at("rules"), *(field for field, _ in callers)):
            each.leave("nothing of it can be allowed without the rest")
        return []
    for each in (destination, *(source for source, _ in callers)):
        _express(each, "kind", "namespace", "name")
    for match in matches:
        around.say(match)
    return [
        Allow(source=caller, service=str(service), methods=methods, path_prefixes=prefixes)
        for service in called
        for _, caller in callers
        for methods, prefixes in rules
    ]


def route_group(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """A group says nothing by itself: its matches are read where splits and targets name them."""
    for pointer in around.said(reading.ref):
        reading.express(pointer)
    if not around.said(reading.ref):
        for key in ("spec", "matches"):
            reading.at(key).leave("no TrafficSplit and no TrafficTarget says it in an intent")
    return []


READERS = {(SPLIT, "TrafficSplit"): split, (ACCESS, "TrafficTarget"): target, (SPECS, "HTTPRouteGroup"): route_group}


def _express(place: Field, *keys: str) -> None:
    """Mark these fields of a reference, and nothing that is beside them."""
    for key in keys:
        place.at(key).express_whole()


def _backends(spec: Field, root: tuple[str, str], around: Surroundings) -> routes.Shares:
    backends = spec.at("backends").each()
    weights = [each.at("weight").number for each in backends]
    if not backends or any(each is None for each in weights):
        raise Unexpressed("a weight is no whole number")
    shares = values.percentages([each or 0 for each in weights])
    if shares is None:
        raise Unexpressed("the weights are no whole percents")
    versions = []
    for each in backends:
        versions.append(around.version(root, (root[0], each.at("service").text)))
        each.at("service").express()
        each.at("weight").express()
    return tuple(zip(versions, shares, strict=True))


def _condition(match: Field) -> Conditions:
    """The headers that a match of a group asks for. Raises Unexpressed when it asks for more."""
    if match.others("name", "headers", "methods", "pathRegex"):
        raise Unexpressed("its matches have conditions that no intent has")
    if _methods(match) or _prefixes(match):
        raise Unexpressed("no intent divides requests by method or path")
    return tuple(_headers(match))


def _headers(match: Field) -> Iterator[HeaderMatch]:
    headers = match.at("headers")
    for each in headers.each() or [headers]:
        for name, value in each.pairs():
            header = HeaderMatch(name=name, regex=value.text)
            if not values.usable(header) or not value.text:
                raise Unexpressed(f"no intent matches a header like {name!r}")
            yield header


def _matches(name: Field, reading: Reading, around: Surroundings) -> list[Field]:
    """The matches of the group that is named, those that are picked if some are. Raises Unexpressed."""
    if name.at("kind").text != "HTTPRouteGroup":
        raise Unexpressed(f"intents know requests of HTTP, and no {name.at('kind').text or 'other kind'}")
    group = around.manifests.get(SPECS, "HTTPRouteGroup", reading.namespace, name.at("name").text)
    if group is None:
        raise Unexpressed(f"the HTTPRouteGroup {name.at('name').text} is not among the resources")
    inner = Reading(group)
    matches = (inner.spec.at("matches") or inner.at("matches")).each()
    picked = name.at("matches").texts()
    chosen = [each for each in matches if not picked or each.at("name").text in picked]
    if not chosen or len(chosen) < len(set(picked)):
        raise Unexpressed(f"the HTTPRouteGroup {name.at('name').text} has not all of the matches that are named")
    return chosen


def _methods(match: Field) -> list[str]:
    methods = match.at("methods").texts()
    if "*" in methods:
        return []
    if any(not _METHODS.fullmatch(each) for each in methods):
        raise Unexpressed("a method is none")
    return methods


def _prefixes(match: Field) -> list[str]:
    regex = match.at("pathRegex").text
    if not match.at("pathRegex") or regex in _EVERY_PATH:
        return []
    if not regex.endswith(".*") or not _LITERAL.fullmatch(regex.removesuffix(".*")):
        raise Unexpressed(f"an intent allows beginnings of paths, and {regex!r} is none")
    return [regex.removesuffix(".*")]


def _rules(spec: Field, reading: Reading, around: Surroundings) -> tuple[list[Operation], list[Field]]:
    """What callers may do, and the matches that say it; a rule that cannot be said is left."""
    rules = spec.at("rules").each()
    if not rules:
        spec.at("rules").leave("it allows no requests of HTTP")
    operations: list[Operation] = []
    said: list[Field] = []
    for rule in rules:
        try:
            matches = _matches(rule, reading, around)
            allowed = [_operation(each) for each in matches]
        except Unexpressed as error:
            rule.leave(str(error))
        else:
            _express(rule, *_RULE)
            operations += allowed
            said += matches
    return operations, said


def _operation(match: Field) -> Operation:
    if match.others("name", "methods", "pathRegex"):
        raise Unexpressed("an intent allows methods and beginnings of paths, and nothing by headers")
    return _methods(match), _prefixes(match)


def _account(place: Field, namespace: str) -> tuple[str, str]:
    """Namespace and name of a service account; no namespace where it is written in another form."""
    given = place.at("namespace")
    return given.text if given else namespace, place.at("name").text


def _caller(source: Field, reading: Reading, around: Surroundings) -> str:
    """The service that a source is; empty when it is none, which is listed."""
    place, account = _account(source, reading.namespace)
    service = around.callers(place, account) if source.at("kind").text == "ServiceAccount" else None
    if service is None:
        source.leave(f"the service account {place}/{account} is not that of one service that is here")
        return ""
    return str(service)
