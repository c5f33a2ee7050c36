"""Routes of the Gateway API whose parents are services (GAMMA): HTTPRoute and GRPCRoute.

Invariant: of two rules the one with more conditions counts first, as the API has it, whatever their order is; a rule
with a condition that no intent has is left out as a whole, since without it the rule would be for other requests.
"""

from meshwright.core.kit.importing import routes, values
from meshwright.core.kit.importing.fields import Field, Reading, Unexpressed, for_each
from meshwright.core.kit.importing.routes import ROUTES, Route
from meshwright.core.kit.importing.surroundings import Surroundings
from meshwright.schemas.intents import AnyIntent, HeaderMatch, Mirror, Retry, RetryOn, Timeout

GROUP = "gateway.networking.k8s.io"
_RETRIED: dict[frozenset[int], RetryOn] = {
    frozenset({502, 503, 504}): "gateway-error",
    frozenset({409}): "retriable-4xx",
}
_NO_CONDITION: tuple[dict[str, str], ...] = ({"type": "PathPrefix", "value": "/"}, {"value": "/"}, {})
Target = tuple[str, str]
"""namespace and name of a service"""


def route(reading: Reading, around: Surroundings) -> list[AnyIntent]:
    """What a route says of the services that are its parents."""
    parents = []
    for parent in reading.spec.at("parentRefs").each():
        target = _parent(parent, reading)
        if target is None:
            parent.leave("only routes of services are read: for gateways write an ingress intent")
        elif target[0] != reading.namespace:
            parent.leave("a route in another namespace than the service is for callers there, and an intent for all")
        elif other := around.claim(ROUTES, target, reading.ref):
            parent.leave(f"{other} routes this service already")
        else:
            for key in ("group", "kind", "name", "namespace"):
                parent.at(key).express()
            if port := parent.at("port"):
                _port(port, target, around)
            parents.append((parent, target))
    if not parents:
        reading.spec.leave("no service is its parent that could have it")

    def of_parent(trial: Reading, index: int) -> list[AnyIntent] | None:
        target, rules = parents[index][1], trial.spec.at("rules")
        table = [each for rule in rules.each() for each in _rule(rule, target, around)]
        table.sort(key=lambda each: -len(each.headers))  # stable: of equals the first one counts
        return routes.intents_of("/".join(target), table, rules)

    return for_each(reading, [parent for parent, _ in parents], of_parent)


READERS = {(GROUP, "HTTPRoute"): route, (GROUP, "GRPCRoute"): route}


def _parent(parent: Field, reading: Reading) -> Target | None:
    group, kind, namespace = parent.at("group"), parent.at("kind"), parent.at("namespace")
    if kind.text != "Service" or (group.value if group else GROUP) not in ("", "core"):
        return None
    if namespace and not namespace.text:
        return None
    return namespace.text or reading.namespace, parent.at("name").text


def _port(port: Field, target: Target, around: Surroundings) -> None:
    if around.only_port(target, port.value):
        port.express()
    else:
        port.leave("an intent is for all ports of a service")


def _rule(rule: Field, parent: Target, around: Surroundings) -> list[Route]:
    """A rule as one route for each of its conditions."""
    try:
        to = _backends(rule, parent, around)
        matches: list[Field | None] = [*rule.at("matches").items()] or [None]
    except Unexpressed as error:
        rule.leave(str(error))
        return []
    common = _common(rule, parent, around)
    table: list[Route] = []
    because = ""
    for match in matches:
        try:
            headers = _headers(match) if match else ()
        except Unexpressed as error:
            (match or rule).leave(str(error))
            because = str(error)
            continue
        table.append(Route(place=rule, match=match, headers=headers, to=to, common=common))
    if not table:
        rule.leave(because)
    return table


def _headers(match: Field) -> tuple[HeaderMatch, ...]:
    match.pairs()
    for each in match.others("headers", "path"):
        raise Unexpressed(f"no intent matches by {each.pointer.rpartition('/')[2]}")
    path = match.at("path")
    if path and path.value not in _NO_CONDITION:
        raise Unexpressed("no intent matches by path")
    path.express_whole()
    headers: dict[str, HeaderMatch] = {}
    for each in match.at("headers").items():
        name, value = each.at("name").text, each.at("value").text
        how = each.at("type").text_or("Exact")
        if how == "Exact":
            header = HeaderMatch(name=name, exact=value)
        elif how == "RegularExpression":
            header = HeaderMatch(name=name, regex=value)
        else:
            raise Unexpressed(f"no intent matches headers by {how}")
        if each.others("name", "value", "type") or not values.usable(header):
            raise Unexpressed(f"no intent matches a header like {name!r}")
        if headers.setdefault(name.lower(), header) is header:
            each.express_whole()
        else:
            each.leave("of two conditions on one header the first counts")
    return tuple(headers.values())


def _backends(rule: Field, parent: Target, around: Surroundings) -> routes.Shares:
    backends = rule.at("backendRefs").each()
    if not backends:
        raise Unexpressed("it has no destination, and no intent answers in its place")
    weights = [each.at("weight").number if each.at("weight") else 1 for each in backends]
    versions = [_backend(each, parent, around) for each in backends]
    if any(each is None for each in weights):
        raise Unexpressed("a weight is no whole number")
    shares = [100 if weights[0] else 0] if len(weights) == 1 else values.percentages([each or 0 for each in weights])
    if not shares or not sum(shares):
        raise Unexpressed("the weights are no whole percents")
    return tuple(zip(versions, shares, strict=True))


def _backend(place: Field, parent: Target, around: Surroundings) -> str:
    """The version that a reference to a service means. Raises Unexpressed."""
    group, kind = place.at("group"), place.at("kind")
    if (group.value or "") not in ("", "core") or (kind.value or "Service") != "Service":
        raise Unexpressed("a destination is no service")
    target = place.at("namespace").text_or(place.reading.namespace), place.at("name").text
    version = around.version(parent, target)
    for key in ("group", "kind", "name", "namespace", "weight"):
        place.at(key).express()
    if port := place.at("port"):
        _port(port, target, around)
    return version


def _common(rule: Field, parent: Target, around: Surroundings) -> tuple[tuple[AnyIntent, Field], ...]:
    name = "/".join(parent)
    common: list[tuple[AnyIntent, Field]] = []
    for each in rule.at("filters").each():
        if each.at("type").text == "RequestMirror" and not each.others("type", "requestMirror"):
            try:
                mirror = _mirror(name, each.at("requestMirror"), parent, around)
            except Unexpressed as error:
                each.leave(str(error))
            else:
                each.at("type").express()
                common.append((mirror, each))
    timeouts, retry = rule.at("timeouts"), rule.at("retry")
    per_try = None
    if (text := timeouts.at("request").text) and (time := values.duration(text)):
        timeouts.at("request").express()
        common.append((Timeout(service=name, timeout=time), timeouts.at("request")))
    if (text := timeouts.at("backendRequest").text) and retry:
        per_try = values.duration(text)
    if (attempts := retry.at("attempts").number) is not None and (reasons := _reasons(retry.at("codes"))) is not None:
        retry.at("codes").express_whole()
        for field in (retry.at("attempts"), *([timeouts.at("backendRequest")] if per_try else [])):
            field.express()
        wish = Retry(service=name, attempts=attempts, per_try_timeout=per_try, retry_on=reasons)
        common.append((wish, retry))
    elif retry:
        retry.leave("an intent retries errors of gateways (502, 503, 504) and conflicts (409), so many times")
    return tuple(common)


def _reasons(codes: Field) -> list[RetryOn] | None:
    """Why a request is tried again; that a connection breaks is always among it."""
    numbers = {each.number for each in codes.each()}
    reasons: list[RetryOn] = []
    for group, reason in _RETRIED.items():
        if group <= numbers:
            reasons.append(reason)
            numbers -= group
    return [*reasons, "connect-failure", "reset"] if not numbers and reasons else None


def _mirror(service: str, place: Field, parent: Target, around: Surroundings) -> Mirror:
    version = _backend(place.at("backendRef"), parent, around)
    if not version:
        raise Unexpressed("an intent copies requests to one version")
    percent, fraction = place.at("percent"), place.at("fraction")
    share = 100.0
    if percent.amount is not None:
        share = percent.amount
    elif fraction:
        numerator, denominator = fraction.at("numerator").number, fraction.at("denominator").number or 100
        if numerator is None or denominator <= 0:
            raise Unexpressed("the fraction is none")
        share = 100 * numerator / denominator
    wish = Mirror(service=service, version=version, percent=share)
    if wrong := values.problem(wish):
        raise Unexpressed(f"no intent copies like this: {wrong}")
    used = [percent] if percent.amount is not None else [fraction.at("numerator"), fraction.at("denominator")]
    for each in used:
        each.express()
    return wish
