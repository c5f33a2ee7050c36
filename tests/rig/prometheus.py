"""A small server that speaks Prometheus' query API, made of texts that proxies gave.

Problem: Prometheus itself is no part of the tests, and its clock cannot be moved. Invariant: it answers what the kit
asks, by the rules of Prometheus for looking back, staleness and `up`, and refuses everything else as Prometheus does;
time goes only when it is told to.
"""

import contextlib
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from aiohttp import web
from prometheus_client.parser import text_string_to_metric_families

from meshwright.core.kit.traffic import prometheus
from meshwright.core.testing.servers import HOST

Labels = frozenset[tuple[str, str]]
Scrape = Mapping[str, Mapping[Labels, float]] | None
"""Samples by metric; None: the target did not answer."""
_LOOKBACK = 300.0
_SERIES = r"(?P<name>\w+)(?P<selector>\{.*?\})?\[(?P<s>\d+)s\]"
_INCREASE = re.compile(rf"sum by \((?P<labels>[\w, ]+)\) .*?last_over_time\({_SERIES}")
_COUNT = re.compile(rf"max\(count_over_time\({_SERIES}\)\)")
_MATCHER = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class BadQuery(Exception):
    """Not a query that this server supports."""


class ScrapingServer:
    """What was scraped, at which second. `labels` are on every series besides its own."""

    def __init__(self, **labels: str) -> None:
        self.now = 1_700_000_000.0
        self.labels = labels
        self.queries: list[str] = []
        self.answer: tuple[int, str] | None = None
        """what is answered in place of everything"""
        self.authorization = ""
        """what is answered to only, if set"""
        self._scrapes: dict[str, list[tuple[float, Scrape]]] = defaultdict(list)

    def scrape(self, target: str, text: str | None, **labels: str) -> None:
        """A target returned this, or (None) did not answer."""
        scrape = None if text is None else _read(text, {**self.labels, **labels, "instance": target, "job": "pods"})
        self._scrapes[target].append((self.now, scrape))

    def query(self, text: str, at: float) -> dict[str, Any]:
        """The `data` of an answer. Raises BadQuery."""
        self.queries.append(text)
        if text == "time()":
            return {"resultType": "scalar", "result": [at, str(at)]}
        counted = [_COUNT.fullmatch(part) for part in text.split(" or ")]
        if counted[0]:
            ranges = [self._ranges(each["name"], each["selector"], at, float(each["s"])) for each in counted if each]
            counts = [float(len(values)) for each in ranges for _, values in each]
            return _vector({frozenset(): max(counts)} if counts else {}, at)
        match = _INCREASE.match(text)
        labels = match["labels"].split(", ") if match else []
        if match is None or text != prometheus.increase(
            match["name"], labels, match["selector"] or "", int(match["s"])
        ):
            raise BadQuery(f'1:1: parse error: unexpected identifier "{text[:20]}"')
        return _vector(self._increase(match["name"], match["selector"], labels, at, float(match["s"])), at)

    def _increase(
        self, name: str, selector: str | None, labels: list[str], at: float, seconds: float
    ) -> dict[Labels, float]:
        total: dict[Labels, float] = defaultdict(float)
        for series, values in self._ranges(name, selector, at, seconds):
            before = self._instant(name, series, at - seconds)
            if before is not None and values[-1] >= before:
                grown = values[-1] - before
            elif self._is_up(dict(series)["instance"], at - seconds):
                grown = values[-1]
            else:
                grown = values[-1] - min(values)
            total[frozenset(each for each in series if each[0] in labels)] += grown
        return total

    def _ranges(
        self, name: str, selector: str | None, at: float, seconds: float
    ) -> Iterator[tuple[Labels, list[float]]]:
        wanted = {label: value.encode().decode("unicode_escape") for label, value in _MATCHER.findall(selector or "")}
        result: dict[Labels, list[float]] = defaultdict(list)
        for scrapes in self._scrapes.values():
            for time, scrape in scrapes:
                if at - seconds < time <= at and scrape is not None:
                    for series, value in scrape.get(name, {}).items():
                        if wanted.items() <= dict(series).items():
                            result[series].append(value)
        yield from result.items()

    def _instant(self, name: str, series: Labels, at: float) -> float | None:
        """The newest value, unless a later scrape of the target lacked it."""
        scrapes = [each for each in self._scrapes[dict(series)["instance"]] if at - _LOOKBACK < each[0] <= at]
        return (scrapes[-1][1] or {}).get(name, {}).get(series) if scrapes else None

    def _is_up(self, target: str, at: float) -> bool:
        scrapes = [each for each in self._scrapes[target] if at - _LOOKBACK < each[0] <= at]
        return bool(scrapes) and scrapes[-1][1] is not None

    async def handle(self, request: web.Request) -> web.Response:
        """`/api/v1/query`, as Prometheus answers it."""
        if self.authorization and request.headers.get("authorization") != self.authorization:
            return web.Response(status=401, text="Unauthorized\n")
        if self.answer:
            return web.Response(status=self.answer[0], text=self.answer[1], headers={"location": "http://elsewhere/"})
        form = await request.post()
        try:
            data = self.query(str(form["query"]), float(str(form.get("time", self.now))))
        except BadQuery as error:
            return web.json_response({"status": "error", "errorType": "bad_data", "error": str(error)}, status=400)
        return web.json_response({"status": "success", "data": data})

    async def build(self, _: web.Request) -> web.Response:
        """What it says of itself."""
        return web.json_response({"status": "success", "data": {"version": "3.5.0", "branch": "HEAD"}})

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Listen; gives the URL."""
        application = web.Application()
        application.router.add_post("/prefix/api/v1/query", self.handle)
        application.router.add_get("/prefix/api/v1/status/buildinfo", self.build)
        runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, HOST, 0)
            await site.start()
            yield f"http://{HOST}:{runner.addresses[0][1]}/prefix"
        finally:
            await runner.cleanup()


def _read(text: str, labels: Mapping[str, str]) -> dict[str, dict[Labels, float]]:
    result: dict[str, dict[Labels, float]] = defaultdict(dict)
    plain = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    for family in text_string_to_metric_families(plain):  # which would rename counters if it knew that they are some
        for sample in family.samples:
            result[sample.name][frozenset({**sample.labels, **labels}.items())] = float(sample.value)
    return result


def _vector(values: Mapping[Labels, float], at: float) -> dict[str, Any]:
    result = [{"metric": dict(series), "value": [at, repr(float(value))]} for series, value in values.items()]
    return {"resultType": "vector", "result": result}
