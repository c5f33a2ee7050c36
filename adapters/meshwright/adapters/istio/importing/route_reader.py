"""One route of a VirtualService: its conditions, destinations, faults and what else it does.

Invariant: a route with a condition or an answer that no intent has is left out as a whole; what a route does beside
choosing a destination (rewriting, say) is left by its field.
"""

from typing import Any

from meshwright.adapters.istio.analysis.hosts import full_name
from meshwright.adapters.istio.importing.destinations import subsets
from meshwright.core.kit.importing import Field, Reading, Surroundings, host_parts, routes, values
from meshwright.core.kit.importing.fields import Unexpressed
from meshwright.core.kit.importing.routes import Route
from meshwright.schemas.intents import AnyIntent, FaultAbort, FaultDelay, HeaderMatch, Mirror, Retry, Timeout

MESH = "mesh"
"""the gateway that stands for all sidecars"""
_ANSWERS = ("redirect", "directResponse", "delegate")
_ANY_VALUE = "*"
"""no regular expression: the header is there"""
_OLD_SHARES = ("mirrorPercent", "mirror_percent")
Target = tuple[str, str]


def service_of(host: str, reading: Reading) -> Target | None:
    """The service that a host is to Istio, which completes names without a dot only."""
    full = full_name(host, reading.namespace)
    return host_parts(full, "") if full.endswith(".svc.cluster.local") else None


def intents_of(http: Field, target: Target, around: Surroundings) -> list[AnyIntent] | None:
    """What the routes of a VirtualService say of a service; None when they are left."""
    table = [each for route in http.each() for each in RouteReader(route, target, around).table()]
    return routes.intents_of("/".join(target), table, http)


class RouteReader:
    """One route to a service, for requests of sidecars below a path."""

    def __init__(self, route: Field, target: Target, around: Surroundings, prefix: str = "/") -> None:
        self.route = route
        self.prefix = prefix
        self.target = target
        self.around = around
        self.service = "/".join(target)
        self.subsets = subsets(target, around)

    def table(self) -> list[Route]:
        """The route, once for each of its conditions."""
        try:
            if answers := [each for each in _ANSWERS if self.route.at(each)]:
                raise Unexpressed(f"no intent gives the answer of a {answers[0]}")
            to = self.destinations()
            matches: list[Field | None] = [*self.route.at("match").items()] or [None]
        except Unexpressed as error:
            self.route.leave(str(error))
            return []
        delay, abort = self.delay(), self.abort()
        common = (*self.mirrors(), *self.retries(), *self.timeout())
        table: list[Route] = []
        because = ""
        for match in matches:
            try:
                headers = self.headers(match) if match else ()
            except Unexpressed as error:
                because = str(error)
                (match or self.route).leave(because)
                continue
            if match and not headers:
                match.express()
            table.append(
                Route(place=self.route, match=match, headers=headers, to=to, delay=delay, abort=abort, common=common)
            )
        if not table:
            self.route.leave(because)
        return table

    def destinations(self) -> routes.Shares:
        """Versions and percents."""
        places = self.route.at("route").each()
        if not places:
            raise Unexpressed("it has no destination")
        versions = [self.version(each.at("destination")) for each in places]
        weights = [each.at("weight").number for each in places]
        if len(places) == 1:
            shares: list[int] | None = [100]
        else:
            shares = None if None in weights else values.percentages([each or 0 for each in weights])
        if shares is None:
            raise Unexpressed("the weights are no whole percents")
        for each in places:
            each.at("weight").express()
        return tuple(zip(versions, shares, strict=True))

    def version(self, destination: Field) -> str:
        """The version that a destination means; empty: the whole service."""
        host, subset, port = destination.at("host"), destination.at("subset"), destination.at("port")
        target = service_of(host.text, self.route.reading)
        if target is None:
            raise Unexpressed(f"{host.text or 'a destination'} is no service of the cluster")
        version = self.around.version(self.target, target)
        if subset:
            if target != self.target or subset.text not in self.subsets:
                raise Unexpressed(f"no DestinationRule that was read tells which version the subset {subset.text} is")
            version = self.subsets[subset.text]
        host.express()
        subset.express()
        if port and self.around.only_port(target, port.at("number").value):
            port.at("number").express()
        elif port:
            port.leave("an intent is for all ports of a service")
        return version

    def headers(self, match: Field) -> tuple[HeaderMatch, ...]:
        """The conditions of a match. Raises Unexpressed when it has others."""
        match.at("name").leave("intents have no names")
        match.pairs()
        gateways = match.at("gateways").texts()
        for each in match.others("headers", "name", "gateways", "uri"):
            raise Unexpressed(f"no intent matches by {each.pointer.rpartition('/')[2]}")
        if (match.at("uri") or self.prefix != "/") and match.at("uri").value != {"prefix": self.prefix}:
            raise Unexpressed("no intent matches by path")
        if gateways and MESH not in gateways:
            raise Unexpressed("it is for requests of gateways")
        match.at("uri").express_whole()
        for each in match.at("gateways").each():
            if each.text == MESH:
                each.express()
        headers = []
        for name, how in match.at("headers").pairs():
            headers.append(_condition(name, how))
            how.express_whole()
        return tuple(headers)

    def delay(self) -> FaultDelay | None:
        """The delay of these requests."""
        place = self.route.at("fault", "delay")
        time = values.duration(place.at("fixedDelay").text)
        percent = _percent(place)
        if time is None or percent is None:
            return None
        for field in (place.at("fixedDelay"), place.at("percentage", "value")):
            field.express()
        return FaultDelay(service=self.service, delay=time, percent=percent)

    def abort(self) -> FaultAbort | None:
        """The error that these requests get."""
        place = self.route.at("fault", "abort")
        status, percent = place.at("httpStatus").number, _percent(place)
        if status is None or percent is None or not 200 <= status <= 599:
            return None
        for field in (place.at("httpStatus"), place.at("percentage", "value")):
            field.express()
        return FaultAbort(service=self.service, status=status, percent=percent)

    def mirrors(self) -> list[tuple[AnyIntent, Field]]:
        """Where copies go."""
        places = [(self.route.at("mirror"), self.route, "mirrorPercentage")]
        places += [(each.at("destination"), each, "percentage") for each in self.route.at("mirrors").each()]
        mirrors: list[tuple[AnyIntent, Field]] = []
        for destination, holder, key in places:
            if not destination:
                continue
            percentage = holder.at(key)
            share = percentage.at("value").amount if percentage else 100.0
            if not percentage and any(holder.at(each) for each in _OLD_SHARES):
                share = None
            try:
                version = self.version(destination)
                if not version or share is None:
                    raise Unexpressed("an intent copies a share of the requests to one version")
                wish = Mirror(service=self.service, version=version, percent=share)
                if wrong := values.problem(wish):
                    raise Unexpressed(f"no intent copies like this: {wrong}")
            except Unexpressed as error:
                destination.leave(str(error))
                percentage.leave(str(error))
                continue
            percentage.at("value").express()
            place = destination if holder is self.route else holder
            mirrors.append((wish, place))
        return mirrors

    def retries(self) -> list[tuple[AnyIntent, Field]]:
        """How often and why it is tried again; Istio's own list of reasons is none of ours."""
        place = self.route.at("retries")
        attempts, reasons = place.at("attempts").number, place.at("retryOn").text
        per_try = values.duration(place.at("perTryTimeout").text) if place.at("perTryTimeout") else None
        named: list[Any] = [each.strip() for each in reasons.split(",")]
        wish = Retry(service=self.service, attempts=attempts or 0, per_try_timeout=per_try, retry_on=named)
        if not place or not attempts:
            return []
        if not reasons:
            place.leave("it retries for the reasons that Istio has when none are named, which no intent names")
            return []
        if wrong := values.problem(wish):
            place.leave(f"no intent retries like this: {wrong}")
            return []
        for key in ("attempts", "retryOn", *(["perTryTimeout"] if per_try else [])):
            place.at(key).express()
        return [(wish, place)]

    def timeout(self) -> list[tuple[AnyIntent, Field]]:
        """How long it may take."""
        place = self.route.at("timeout")
        time = values.duration(place.text)
        if time is None:
            return []
        place.express()
        return [(Timeout(service=self.service, timeout=time), place)]


def _condition(name: str, how: Field) -> HeaderMatch:
    """How a header is compared. Raises Unexpressed when no intent can."""
    comparisons = [key for key, _ in how.pairs()]
    if comparisons not in ([], ["exact"], ["prefix"], ["regex"]):
        raise Unexpressed(f"no intent compares a header by {', '.join(comparisons)}")
    text = how.at(*comparisons).text
    if not comparisons or (comparisons == ["regex"] and text == _ANY_VALUE):
        header = HeaderMatch(name=name, prefix="")
    else:
        header = HeaderMatch(name=name, **{comparisons[0]: text})
        if not text:
            raise Unexpressed(f"no intent compares the header {name!r} with nothing")
    if not values.usable(header):
        raise Unexpressed(f"no intent matches a header like {name!r}")
    return header


def _percent(fault: Field) -> float | None:
    """The share of requests that a fault is for; None when it is for none, which is what Istio does when nothing is
    said, or when it is written with a field of the past."""
    share = fault.at("percentage", "value").amount
    if fault and share is None:
        fault.leave("without a percentage Istio does this to no request")
    return share if share is not None and 0 <= share <= 100 else None
