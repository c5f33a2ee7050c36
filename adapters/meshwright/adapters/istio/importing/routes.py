"""Routes of a VirtualService as intents.

Problem: routes are an ordered list, and intents hold at once. Invariant: candidates are read off the routes, translated
again, and only taken when the same routes come out; so nothing is imported that would behave differently.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from meshwright.adapters.istio.analysis.hosts import full_name
from meshwright.adapters.istio.facts import Service
from meshwright.adapters.istio.intents import routing, values
from meshwright.adapters.istio.intents.values import CannotExpress, Json
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import (
    AnyIntent,
    Backend,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    Mirror,
    Retry,
    Timeout,
    TrafficSplit,
    intent_problems,
)


class Unreadable(Exception):
    """Routes that no intents say."""


def intents_of(service: Service, http: Sequence[Json], subsets: Mapping[str, str]) -> list[AnyIntent]:
    """What routes to a service say; `subsets` are the versions by the names of their subsets. Raises Unreadable."""
    named = f"{service.namespace}/{service.name}"
    routes = _reachable([_normal(each, service.namespace) for each in http])
    try:
        candidates = _candidates(named, routes, subsets)
        again = routing.routes(service, candidates, {version: name for name, version in subsets.items()})
    except (CannotExpress, KeyError, TypeError, ValueError, IndexError) as error:
        raise Unreadable(f"its routes have something that no intent says ({error})") from error
    if wrong := [problem.detail for each in candidates for problem in intent_problems(each, "#")]:
        raise Unreadable(f"as an intent it is not allowed: {wrong[0]}")
    if [_normal(each, service.namespace) for each in again] != routes:
        raise Unreadable("its routes, in this order, say what no intents say together")
    return candidates


def _reachable(routes: list[Json]) -> list[Json]:
    """The routes up to the first that takes every request."""
    for index, each in enumerate(routes):
        if not each.get("match"):
            return routes[: index + 1]
    return routes


def _candidates(service: str, routes: Sequence[Json], subsets: Mapping[str, str]) -> list[AnyIntent]:
    last = routes[-1]
    if last.get("match"):
        raise Unreadable("its last route is not for all requests, so some get no answer")
    candidates: list[AnyIntent] = []
    backends = [(_version(each, subsets), int(each.get("weight", 100))) for each in last["route"]]
    if any(version for version, _ in backends):
        split = [Backend(version=version, weight=weight) for version, weight in backends]
        candidates.append(TrafficSplit(service=service, backends=split))
    for route in routes[:-1]:
        header = _header(route)
        if header is None:
            continue
        if route["route"] != last["route"]:
            wish = HeaderRoute(service=service, header=header, version=_version(route["route"][0], subsets))
            candidates += [] if wish in candidates else [wish]
        else:
            candidates += [
                each for each in _faults(service, route, header, last.get("fault", {})) if each not in candidates
            ]
    return [*candidates, *_faults(service, last, None, {}), *_common(service, last, subsets)]


def _common(service: str, route: Json, subsets: Mapping[str, str]) -> list[AnyIntent]:
    common: list[AnyIntent] = [
        Mirror(service=service, version=_version(each, subsets), percent=float(each["percentage"]["value"]))
        for each in route.get("mirrors", [])
    ]
    if "retries" in route:
        retries = route["retries"]
        per_try = retries.get("perTryTimeout")
        reasons = retries["retryOn"].split(",")
        common.append(Retry(service=service, attempts=retries["attempts"], per_try_timeout=per_try, retry_on=reasons))
    if "timeout" in route:
        common.append(Timeout(service=service, timeout=route["timeout"]))
    return common


def _faults(service: str, route: Json, header: HeaderMatch | None, everybody: Json) -> list[AnyIntent]:
    """The faults of a route that are not those of every request."""
    fault, faults = route.get("fault", {}), list[AnyIntent]()
    if "delay" in fault and fault["delay"] != everybody.get("delay"):
        delay, percent = fault["delay"]["fixedDelay"], float(fault["delay"]["percentage"]["value"])
        faults.append(FaultDelay(service=service, delay=delay, percent=percent, header=header))
    if "abort" in fault and fault["abort"] != everybody.get("abort"):
        status, percent = fault["abort"]["httpStatus"], float(fault["abort"]["percentage"]["value"])
        faults.append(FaultAbort(service=service, status=status, percent=percent, header=header))
    return faults


def _header(route: Json) -> HeaderMatch | None:
    """The one header that a route wants; None when it wants several, which come of combining others."""
    headers = route["match"][0].get("headers", {})
    if len(headers) != 1:
        return None
    ((name, how),) = headers.items()
    return HeaderMatch(name=name, **how) if how else HeaderMatch(name=name, prefix="")


def _version(destination: Json, subsets: Mapping[str, str]) -> str:
    subset = destination["destination"].get("subset", "")
    return subsets[subset] if subset else ""


def _normal(route: Json, namespace: str) -> Json:
    """A route in the one form of several that mean the same. Raises nothing: what is odd stays as it is."""
    normal: Json = {key: value for key, value in route.items() if key != "name"}
    normal["route"] = [_placed(each, namespace) for each in route.get("route") or []]
    if len(normal["route"]) == 1:
        normal["route"][0].pop("weight", None)
    if isinstance(mirror := normal.pop("mirror", None), dict):
        share = normal.pop("mirrorPercentage", {"value": 100})
        normal["mirrors"] = [{"destination": mirror, "percentage": share}]
    if "mirrors" in normal:
        normal["mirrors"] = [
            {"percentage": {"value": 100}, **_placed(each, namespace)} for each in normal["mirrors"] or []
        ]
    if "timeout" in normal:
        normal["timeout"] = _time(normal["timeout"])
    if isinstance(retries := normal.get("retries"), dict) and "perTryTimeout" in retries:
        normal["retries"] = {**retries, "perTryTimeout": _time(retries["perTryTimeout"])}
    if isinstance(fault := normal.get("fault"), dict):
        normal["fault"] = {key: _fault(value) for key, value in fault.items()}
    return normal


def _placed(destination: Json, namespace: str) -> Json:
    inner = dict(destination.get("destination") or {})
    inner["host"] = full_name(str(inner.get("host", "")), namespace)
    return {**destination, "destination": inner}


def _fault(fault: Any) -> Any:
    if not isinstance(fault, dict):
        return fault
    complete = {"percentage": {"value": 100}, **fault}
    return {**complete, "fixedDelay": _time(fault["fixedDelay"])} if "fixedDelay" in fault else complete


def _time(text: Any) -> Any:
    try:
        seconds(str(text))
        return values.duration(str(text))
    except (ValueError, CannotExpress):
        return text
