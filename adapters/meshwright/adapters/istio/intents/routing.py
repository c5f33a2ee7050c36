"""Traffic splits, header routes, mirrors, retries, timeouts and faults: the VirtualService of a host.

Problem: a VirtualService takes the first route that matches, while intents are wishes that hold at once. Invariant:
there is one route for each combination of what header routes and faults ask for, first wish first, so a request gets
the first destination, the first delay and the first abort that are meant for it, each independent of the others.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from meshwright.adapters.istio.facts import CLASSIC
from meshwright.adapters.istio.intents import values
from meshwright.adapters.istio.intents.values import Json
from meshwright.core.kit.kubernetes.facts import Service
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.intents import (
    AnyIntent,
    FaultAbort,
    FaultDelay,
    HeaderMatch,
    HeaderRoute,
    Mirror,
    Resource,
    Retry,
    Timeout,
    TrafficSplit,
)

KINDS = (TrafficSplit, HeaderRoute, Mirror, Retry, Timeout, FaultDelay, FaultAbort)
_MOST_ROUTES = 200


def virtual_service(service: Service, intents: Sequence[AnyIntent], subsets: Mapping[str, str]) -> Resource:
    """The routes to a service; `subsets` are the names of its versions. Raises CannotExpress."""
    spec = {"hosts": [service.host()], "http": routes(service, intents, subsets)}
    return values.resource(CLASSIC, "v1", "VirtualService", service.namespace, service.name, spec)


def routes(
    service: Service, intents: Sequence[AnyIntent], subsets: Mapping[str, str], *, port: int = 0, path_prefix: str = ""
) -> list[Json]:
    """One route for each combination, for requests below a path; `port` is named where the client's says nothing."""
    to = _Destinations(service, subsets, port)
    common = _common(to, intents)
    combined = list(_combinations(intents))
    if len(combined) > _MOST_ROUTES:
        raise CannotExpress(
            f"the header routes and faults of {service} need {len(combined)} routes in all combinations",
            "split them over fewer headers",
        )
    result = []
    for destination, delay, abort in combined:
        conditions = values.headers(_conditions(destination, delay, abort))
        if conditions is None:
            continue
        match: Json = {"uri": {"prefix": path_prefix}} if path_prefix else {}
        match |= {"headers": conditions} if conditions else {}
        route: Json = {"match": [match]} if match else {}
        fault = {**(_delay(delay) if delay else {}), **(_abort(abort) if abort else {})}
        route |= {"fault": fault} if fault else {}
        result.append({**route, "route": to.of(destination), **common})
    return result


def _combinations(
    intents: Sequence[AnyIntent],
) -> Iterator[tuple[HeaderRoute | TrafficSplit | None, FaultDelay | None, FaultAbort | None]]:
    headers: list[HeaderRoute | TrafficSplit | None] = [each for each in intents if isinstance(each, HeaderRoute)]
    rest: list[HeaderRoute | TrafficSplit | None] = [each for each in intents if isinstance(each, TrafficSplit)]
    delays: list[FaultDelay | None] = [each for each in intents if isinstance(each, FaultDelay)]
    aborts: list[FaultAbort | None] = [each for each in intents if isinstance(each, FaultAbort)]
    return product([*headers, *(rest[:1] or [None])], _until_everybody(delays), _until_everybody(aborts))


def _conditions(*wishes: AnyIntent | None) -> list[HeaderMatch]:
    headers = [getattr(each, "header", None) for each in wishes]
    return [each for each in headers if isinstance(each, HeaderMatch)]


def _until_everybody(faults: list) -> list:  # type: ignore[type-arg]
    """The faults up to the first that is meant for every request, or else none behind them."""
    kept = []
    for each in faults:
        kept.append(each)
        if each.header is None:
            return kept
    return [*kept, None]


def _common(to: "_Destinations", intents: Sequence[AnyIntent]) -> Json:
    common: Json = {}
    mirrors = [
        {"destination": to.one(each.version), "percentage": values.percentage(each.percent)}
        for each in intents
        if isinstance(each, Mirror)
    ]
    if mirrors:
        common["mirrors"] = mirrors
    for each in intents:
        if isinstance(each, Timeout):
            common["timeout"] = values.duration(each.timeout)
        elif isinstance(each, Retry):
            common["retries"] = _retries(each)
    return common


def _retries(retry: Retry) -> Json:
    if not retry.retry_on:
        raise CannotExpress("Istio takes an empty retry_on for its own list of reasons", "name what is tried again")
    policy: Json = {"attempts": retry.attempts, "retryOn": ",".join(dict.fromkeys(retry.retry_on))}
    if retry.per_try_timeout:
        policy["perTryTimeout"] = values.duration(retry.per_try_timeout)
    return policy


def _delay(fault: FaultDelay) -> Json:
    return {"delay": {"fixedDelay": values.duration(fault.delay), "percentage": values.percentage(fault.percent)}}


def _abort(fault: FaultAbort) -> Json:
    return {"abort": {"httpStatus": fault.status, "percentage": values.percentage(fault.percent)}}


class _Destinations:
    """Where requests to a service go."""

    def __init__(self, service: Service, subsets: Mapping[str, str], port: int) -> None:
        self._service = service
        self._subsets = subsets
        self._port = port

    def of(self, wish: HeaderRoute | TrafficSplit | None) -> list[Json]:
        """The destinations of a route."""
        if isinstance(wish, HeaderRoute):
            return [{"destination": self.one(wish.version)}]
        if wish is None:
            return [{"destination": self.one("")}]
        return [{"destination": self.one(each.version), "weight": each.weight} for each in wish.backends]

    def one(self, version: str) -> Json:
        """One version, or all of them."""
        destination: Json = {"host": self._service.host()}
        destination |= {"subset": self._subsets[version]} if version else {}
        return {**destination, "port": {"number": self._port}} if self._port else destination
