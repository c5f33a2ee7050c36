"""Ordered routes as intents that hold at once.

Problem: a list of routes takes the first that matches, and intents are wishes without an order between their kinds.
Invariant: intents are given only when every request that the routes tell apart gets the same destination, delay and
abort from both; so nothing is imported that would behave differently.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from meshwright.core.kit.importing import values
from meshwright.core.kit.importing.fields import Field
from meshwright.schemas.intents import (
    AnyIntent,
    Backend,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    TrafficSplit,
)

ROUTES = "routes"
"""what a resource claims of the services that it routes"""
_MOST_REQUESTS = 20_000
_MORE = "\0"
"""a text that no header has, so that a value with it is unlike any that is written down"""
Shares = tuple[tuple[str, int], ...]
"""versions (empty: the whole service) and their percents"""
Outcome = tuple[dict[str, int], FaultDelay | None, FaultAbort | None]
Header = tuple[str | None, frozenset[str]]
"""the value of a header in a request, and the regular expressions that it is taken to match"""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the requests that have all of these headers.

    `common` are intents that can only be meant for all requests, each with the field that says it. `place` is the
    route, `match` the one of its conditions that this is about.
    """

    place: Field
    match: Field | None = None
    headers: tuple[HeaderMatch, ...] = ()
    to: Shares
    delay: FaultDelay | None = None
    abort: FaultAbort | None = None
    common: tuple[tuple[AnyIntent, Field], ...] = ()


def intents_of(service: str, routes: Sequence[Route], whole: Field) -> list[AnyIntent] | None:
    """What routes to a service say, in the order in which they are tried; `whole` is the field that has them all.

    None when it is left.
    """
    reached = _reached(routes)
    if not reached or reached[-1].headers:
        whole.leave("not every request has a route, and intents refuse none")
        return None
    last = _shares(reached[-1].to)
    if "" in last and len(last) > 1:
        whole.leave("a part goes to the whole service, and an intent divides requests among versions")
        return None
    kept = [each for each in reached if _shares(each.to) == last or _version(each)]
    _leave(reached, kept, "an intent sends the requests with a header to one version")
    candidates = _proven(service, kept)
    if candidates is None and any(len(each.headers) > 1 for each in kept):
        single = [each for each in kept if len(each.headers) < 2]
        _leave(kept, single, "an intent matches one header")
        kept, candidates = single, _proven(service, single)
    if candidates is None:
        whole.leave("these routes, in this order, say what no intents say together")
        return None
    if wrong := next((text for each in candidates if (text := values.problem(each))), ""):
        whole.leave(f"as an intent it is not allowed: {wrong}")
        return None
    needed = _needed(service, kept, candidates)
    _leave(kept, needed, "it does what is done with these requests anyway")
    return [*candidates, *_common(needed)]


def _leave(routes: Sequence[Route], kept: Sequence[Route], because: str) -> None:
    """Leave the routes that are not kept: their conditions, and a route that has no other."""
    places = {each.place.pointer for each in kept}
    for each in routes:
        if each not in kept:
            (each.match if each.match and each.place.pointer in places else each.place).leave(because)


def _reached(routes: Sequence[Route]) -> list[Route]:
    """The routes up to the first that takes every request; the rest is left."""
    count = next((index for index, each in enumerate(routes) if not each.headers), len(routes)) + 1
    reached = list(routes[:count])
    _leave(routes, reached, "no request comes so far: an earlier route takes them all")
    return reached


def _common(routes: Sequence[Route]) -> list[AnyIntent]:
    """What all routes say alike; the rest is left."""
    kept: list[AnyIntent] = []
    kinds = dict.fromkeys(type(intent) for each in routes for intent, _ in each.common)
    for kind in kinds:
        by_route = [[one for one in each.common if isinstance(one[0], kind)] for each in routes]
        alike = [intent for intent, _ in by_route[0]]
        if any([intent for intent, _ in each] != alike for each in by_route):
            for _, field in itertools.chain.from_iterable(by_route):
                field.leave("it is not the same for all requests, and an intent is for all of them")
            continue
        for intent, field in by_route[0]:
            if wrong := values.problem(intent):
                field.leave(f"as an intent it is not allowed: {wrong}")
            else:
                kept.append(intent)
    return kept


def _proven(service: str, routes: Sequence[Route]) -> list[AnyIntent] | None:
    """Intents that do the same as the routes with every request; None when there are none."""
    candidates = _candidates(service, routes)
    headers = [match for each in routes for match in each.headers]
    requests = _requests(headers)
    if requests is None:
        return None
    for each in requests:
        if _by_routes(routes, each) != _by_intents(candidates, each):
            return None
    return candidates


def _needed(service: str, routes: Sequence[Route], candidates: list[AnyIntent]) -> list[Route]:
    """The routes without those that change nothing: no request would be treated otherwise, and no intent is theirs."""
    needed = list(routes)
    for chosen in (_reaching, _changing):
        kept = chosen(needed)
        if _candidates(service, kept) == candidates:
            needed = kept
    return needed


def _reaching(routes: Sequence[Route]) -> list[Route]:
    """The routes that some request comes to."""
    first = {meant[0] for meant in _meant(routes)}
    return [each for index, each in enumerate(routes) if index in first]


def _changing(routes: Sequence[Route]) -> list[Route]:
    """The routes that do something else than the next one that a request would come to; and the last."""
    last = len(routes) - 1
    changing = {meant[0] for meant in _meant(routes) if len(meant) > 1 and not _alike(*(routes[n] for n in meant[:2]))}
    return [each for index, each in enumerate(routes) if index in changing or index == last]


def _meant(routes: Sequence[Route]) -> Iterator[list[int]]:
    """For each request that the routes tell apart, those that match it."""
    for request in _requests([match for each in routes for match in each.headers]) or ():
        yield [index for index, each in enumerate(routes) if all(_has(request, match) for match in each.headers)]


def _alike(one: Route, other: Route) -> bool:
    common = [[intent for intent, _ in each.common] for each in (one, other)]
    return (_shares(one.to), one.delay, one.abort, common[0]) == (
        _shares(other.to),
        other.delay,
        other.abort,
        common[1],
    )


def _candidates(service: str, routes: Sequence[Route]) -> list[AnyIntent]:
    last = routes[-1]
    candidates: list[AnyIntent] = []
    if any(version for version, _ in last.to):
        backends = [Backend(version=version, weight=share) for version, share in last.to]
        candidates.append(TrafficSplit(service=service, backends=backends))
    for each in routes[:-1]:
        if len(each.headers) > 1:
            continue
        if _shares(each.to) != _shares(last.to):
            candidates.append(HeaderRoute(service=service, header=each.headers[0], version=_version(each)))
        if each.delay is not None and each.delay != last.delay:
            candidates.append(msgspec.structs.replace(each.delay, header=each.headers[0]))
        if each.abort is not None and each.abort != last.abort:
            candidates.append(msgspec.structs.replace(each.abort, header=each.headers[0]))
    candidates += [each for each in (last.delay, last.abort) if each is not None]
    return [each for index, each in enumerate(candidates) if each not in candidates[:index]]


def _requests(matches: Sequence[HeaderMatch]) -> Iterator[dict[str, Header]] | None:
    """Requests that differ in everything that the conditions look at; None when there are too many."""
    by_name: dict[str, list[HeaderMatch]] = {}
    for each in matches:
        by_name.setdefault(each.name.lower(), []).append(each)
    choices = []
    total = 1
    for same in by_name.values():
        texts = {_MORE} | {one.exact for one in same if one.exact is not None}
        texts |= {text for one in same if one.prefix is not None for text in (one.prefix, one.prefix + _MORE)}
        regexes = sorted({one.regex for one in same if one.regex is not None})
        total *= 1 + len(texts) * 2 ** len(regexes)
        if total > _MOST_REQUESTS:
            return None
        sets = [frozenset(one) for size in range(len(regexes) + 1) for one in itertools.combinations(regexes, size)]
        absent: list[Header] = [(None, frozenset())]
        choices.append([*absent, *itertools.product(sorted(texts), sets)])
    names = list(by_name)
    return (dict(zip(names, each, strict=True)) for each in itertools.product(*choices))


def _by_routes(routes: Sequence[Route], request: dict[str, Header]) -> Outcome:
    for each in routes:
        if all(_has(request, match) for match in each.headers):
            return _shares(each.to), each.delay, each.abort
    raise AssertionError("the last route takes every request")


def _by_intents(intents: Sequence[AnyIntent], request: dict[str, Header]) -> Outcome:
    meant = [each for each in intents if _has(request, getattr(each, "header", None))]

    def first(kind: type[Any]) -> Any:
        return next((each for each in meant if isinstance(each, kind)), None)

    shares = {"": 100}
    if header := first(HeaderRoute):
        shares = {header.version: 100}
    elif split := first(TrafficSplit):
        shares = _shares(tuple((each.version, each.weight) for each in split.backends))
    faults = [fault and msgspec.structs.replace(fault, header=None) for fault in (first(FaultDelay), first(FaultAbort))]
    return shares, faults[0], faults[1]


def _has(request: dict[str, Header], match: HeaderMatch | None) -> bool:
    """Whether a request has a header as it is wanted."""
    if match is None:
        return True
    text, regexes = request.get(match.name.lower(), (None, frozenset[str]()))
    if text is None:
        return False
    if match.exact is not None:
        return text == match.exact
    return text.startswith(match.prefix) if match.prefix is not None else match.regex in regexes


def _version(route: Route) -> str:
    """The one version that gets the requests of a route; empty: there is none."""
    versions = list(_shares(route.to))
    return versions[0] if len(versions) == 1 else ""


def _shares(to: Shares) -> dict[str, int]:
    """The versions that get requests at all."""
    total: dict[str, int] = {}
    for version, share in to:
        if share:
            total[version] = total.get(version, 0) + share
    return total
