"""Reading what the proxies of a mesh have counted from a Prometheus that has asked them.

Problem: it may have hundreds of thousands of series, its clock is its own, and how often it asks proxies only it knows.
Invariant: Prometheus itself adds up what the meaning does not depend on; windows follow each other without gap or
overlap by its clock, as long as four of its scrapes, and what was counted between two of its scrapes is in exactly one
of them. `increase` would not do: it extrapolates, and loses what comes between the last scrape of a window and the
first one of the next. What a proxy counted before its very first scrape is not known.
https://prometheus.io/docs/prometheus/latest/querying/api.
"""

import asyncio
import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from meshwright.core.kit.server_client import ServerClient, ServerRefuses
from meshwright.core.kit.traffic.meanings import Place, Statistics
from meshwright.core.kit.traffic.proxies import Measured
from meshwright.core.kit.traffic.series import BOUND, BUCKET, Reading, series_of
from meshwright.schemas.connections import Prometheus
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import TrafficSource

SHORTEST_S, LONGEST_S = 60, 600
"""of a window"""
_SCRAPES = 4
"""in a window, as every guide to `rate` has it"""
_LOOK_S = 120
"""how far back it is looked how often Prometheus asks a proxy"""


class _Sample(msgspec.Struct, frozen=True):
    value: tuple[float, str]
    metric: dict[str, str] = {}


class _Data(msgspec.Struct, frozen=True, rename="camel"):
    result_type: str
    result: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    status: str
    data: _Data | None = None
    error_type: str = ""
    error: str = ""


_answers = msgspec.json.Decoder(_Answer)
_vectors = msgspec.json.Decoder(list[_Sample])
_scalars = msgspec.json.Decoder(tuple[float, str])


def headers(settings: Prometheus) -> dict[str, str]:
    """Who we are."""
    if settings.bearer_token:
        return {"Authorization": f"Bearer {settings.bearer_token}"}
    if settings.username:
        pair = base64.b64encode(f"{settings.username}:{settings.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}
    return {}


class PrometheusReader:
    """One mesh as a Prometheus knows it. `matchers` are labels that its series have there."""

    def __init__(
        self, statistics: Sequence[Statistics], client: ServerClient, connection: str, matchers: Mapping[str, str]
    ) -> None:
        self._statistics = statistics
        self._client = client
        self._connection = connection
        self._matchers = matchers
        self._ended: float | None = None
        self.every: float = SHORTEST_S

    async def window(self) -> Measured:
        """What was counted since the last window, at most `LONGEST_S` ago. Raises Outcome."""
        source = TrafficSource(read_from="prometheus", connection=self._connection)
        now = await self._clock()
        chosen = await self._chosen(now)
        seconds, now = self._span(now)
        if chosen is None:
            return Measured(source=source, seconds=self.every, failure=_empty(self._statistics))
        selector = _selector(self._matchers)
        queries = [increase(name, chosen.labels, selector, seconds) for name in chosen.counters]
        bounds = [*chosen.labels, BOUND]
        queries += [increase(name + BUCKET, bounds, selector, seconds) for name in chosen.histograms]
        names = [*chosen.counters, *(name + BUCKET for name in chosen.histograms)]
        answers = await asyncio.gather(*(self._vector(each, now) for each in queries))
        self._ended = now
        reading = Reading()
        for name, samples in zip(names, answers, strict=True):
            _collect(reading, name, samples)
        return Measured(
            source=msgspec.structs.replace(source, statistics=chosen.name),
            statistics=chosen,
            parts=[(reading, Place(), float(seconds))],
            seconds=float(seconds),
        )

    async def close(self) -> None:
        """End all connections."""
        await self._client.close()

    def _span(self, now: float) -> tuple[int, float]:
        """A window's whole seconds and its end: from the end of the last one, the first as long as they are to be."""
        if self._ended is None or not 1 <= now - self._ended <= LONGEST_S:
            return round(self.every), now
        seconds = int(now - self._ended)
        return seconds, self._ended + seconds

    async def _chosen(self, now: float) -> Statistics | None:
        """The first statistics that it has, and how often it reads them."""
        for each in self._statistics:
            if samples := await self._vector(scrapes(each.counters, _selector(self._matchers)), now):
                between = _LOOK_S / max(1.0, float(samples[0].value[1]))
                self.every = min(max(SHORTEST_S, math.ceil(between * _SCRAPES)), LONGEST_S)
                return each
        return None

    async def _clock(self) -> float:
        data = await self._query("time()", None)
        try:
            return _scalars.decode(data.result)[0]
        except msgspec.MsgspecError as error:
            raise _strange(error) from error

    async def _vector(self, query: str, at: float) -> list[_Sample]:
        data = await self._query(query, at)
        try:
            return _vectors.decode(data.result) if data.result_type == "vector" else []
        except msgspec.MsgspecError as error:
            raise _strange(error) from error

    async def _query(self, query: str, at: float | None) -> _Data:
        form: dict[str, Any] = {"query": query} | ({} if at is None else {"time": f"{at:.3f}"})
        status, content = await self._client.request("POST", "/api/v1/query", data=form)
        try:
            answer = _answers.decode(content)
        except msgspec.MsgspecError as error:
            if status == 200:
                raise _strange(error) from error
            raise ServerRefuses(f"this is no Prometheus: it answers {status} to a query", status=status) from error
        if answer.data is None or answer.status != "success":
            what = f"Prometheus refuses a query ({answer.error_type or status}): {answer.error[:500]}"
            raise ServerRefuses(what, status=status)
        return answer.data


def scrapes(names: Iterable[str], selector: str) -> str:
    """The query for how often the first of these counters that is there was scraped, of late."""
    return " or ".join(f"max(count_over_time({name}{selector}[{_LOOK_S}s]))" for name in names)


def increase(name: str, labels: Iterable[str], selector: str, seconds: int) -> str:
    """The query for what series grew by within a window until now, added up by these labels.

    In this order: what was there at its beginning and has not shrunk; what began anew or appeared on a proxy that had
    been scraped before; what a new proxy counted since its first scrape.
    """
    now = f"last_over_time({name}{selector}[{seconds}s])"
    grown = f"({now} - {name}{selector} offset {seconds}s) >= 0"
    anew = f"{now} and on (instance, job) (up offset {seconds}s == 1)"
    since_first = f"{now} - min_over_time({name}{selector}[{seconds}s])"
    return f"sum by ({', '.join(labels)}) (({grown}) or ({anew}) or ({since_first}))"


def _selector(matchers: Mapping[str, str]) -> str:
    """PromQL's strings in double quotes escape as JSON's do."""
    inside = ",".join(f"{label}={json.dumps(value)}" for label, value in sorted(matchers.items()))
    return f"{{{inside}}}" if inside else ""


def _collect(reading: Reading, name: str, samples: Iterable[_Sample]) -> None:
    for sample in samples:
        value = float(sample.value[1])
        if not 0 <= value < math.inf:
            continue
        labels = {label: text for label, text in sample.metric.items() if label != "__name__"}
        series, bound = series_of(name, labels)
        if bound is None:
            reading.counters[series] = value
        else:
            reading.histograms.setdefault(series, {})[bound] = value


def _empty(statistics: Sequence[Statistics]) -> Failure:
    names = " or ".join(each.counters[0] for each in statistics)
    what = f"Prometheus has no series of {names} from the last {_LOOK_S // 60} minutes"
    remedy = "See whether it scrapes the proxies, and whether the matchers of the connection fit its labels."
    return Failure(code="MW5303", what=what, remedy=remedy, severity="warning", retryable=True)


def _strange(error: Exception) -> ServerRefuses:
    return ServerRefuses(f"the answer is none of Prometheus' query API: {error}")
