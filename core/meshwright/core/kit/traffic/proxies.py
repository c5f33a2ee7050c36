"""Reading what the proxies of a mesh have counted, from their own endpoints.

Problem: proxies come, restart, stay silent and go, and asking a thousand of them at once would hurt whoever passes the
questions on. Invariant: a bounded number is asked at a time and each for a bounded time; one that does not answer is
told as silent and harms no other; what a process counted that began while we were looking is counted from its start.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from meshwright.core.kit.traffic.exposition import LARGEST, Exposition, InvalidExposition
from meshwright.core.kit.traffic.increases import Increases
from meshwright.core.kit.traffic.meanings import Place, Statistics
from meshwright.core.kit.traffic.series import Reading
from meshwright.core.operations.outcomes import Outcome, as_failure
from meshwright.schemas.errors import Failure
from meshwright.schemas.telemetry import TrafficSource

AT_ONCE = 8
ANSWER_S = 5.0
_SILENT_WINDOWS = 2.5
"""after so many without an answer a reading says nothing about a rate now"""
_REMEMBERED_S = 3600.0
"""how long a process that is gone is known: it may have been missing from a list only"""


class Proxy(msgspec.Struct, frozen=True):
    """One process of a proxy. `process` is another one when it has restarted."""

    process: str
    place: Place
    read: Callable[[], Awaitable[bytes]]
    """its statistics as text; raises Outcome"""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """The increases of one window of so many seconds until now, of the first statistics that there are."""

    source: TrafficSource
    statistics: Statistics | None = None
    parts: Sequence[tuple[Reading, Place, float]] = ()
    seconds: float
    failure: Failure | None = None
    """why it is not all"""


class TrafficReader(Protocol):
    """What gives the increases of one window after another."""

    every: float
    """seconds from one window to the next"""

    async def window(self) -> Measured:
        """Those since the last window. Raises Outcome."""

    async def close(self) -> None:
        """End what it holds."""


@dataclass
class ProxyReader:
    """The proxies of one mesh. `statistics` are in the order of preference, `list` names the proxies; raises Outcome.

    A proxy that was silent for some windows begins anew.
    """

    statistics: Sequence[Statistics]
    list: Callable[[], Awaitable[Sequence[Proxy]]]
    every: float
    _increases: Increases = field(init=False)
    _expositions: dict[str, Exposition] = field(default_factory=dict)
    _gone: dict[str, float] = field(default_factory=dict)
    _listed_at: float | None = None
    _ended: float | None = None

    def __post_init__(self) -> None:
        self._increases = Increases(self.every * _SILENT_WINDOWS)

    async def window(self) -> Measured:
        """What all proxies counted since the last window; those that are seen first are counted from now on."""
        proxies = await self.list()
        self._note(proxies)
        slots = asyncio.Semaphore(AT_ONCE)
        answers = await asyncio.gather(*(self._read(each, slots) for each in proxies))
        failures = [each for each in answers if isinstance(each, Failure)]
        read = [each for each in answers if not isinstance(each, Failure)]
        chosen = next((each for each in self.statistics if any(_has(reading, each) for _, reading, _, _ in read)), None)
        parts = [
            (_of(grown, chosen), place, seconds) for place, _, grown, seconds in read if chosen and grown and seconds
        ]
        source = TrafficSource(
            read_from="proxies",
            statistics=chosen.name if chosen else "",
            proxies=len(proxies),
            silent=len(failures),
        )
        failure = failures[0] if failures else None
        return Measured(source=source, statistics=chosen, parts=parts, seconds=self._seconds(), failure=failure)

    async def close(self) -> None:
        """Nothing is held."""

    def _seconds(self) -> float:
        """Since the last window; the first one has no beginning, and nothing in it."""
        now = time.monotonic()
        since = now - self._ended if self._ended is not None else self.every
        self._ended = now
        return since

    def _note(self, proxies: Sequence[Proxy]) -> None:
        """Forget who is gone; who is new began after the last list, unless it was only missing from some."""
        now = time.monotonic()
        known = {each.process for each in proxies}
        if self._listed_at is not None:
            for process in known - self._expositions.keys() - self._gone.keys():
                self._increases.begin(process, self._listed_at)
        gone = dict.fromkeys(self._expositions.keys() - known, now)
        self._gone = {process: at for process, at in (self._gone | gone).items() if now - at < _REMEMBERED_S}
        counters = [name for each in self.statistics for name in each.counters]
        histograms = [name for each in self.statistics for name in each.histograms]
        self._expositions = {
            process: self._expositions.get(process) or Exposition(counters, histograms) for process in known
        }
        self._increases.keep(known)
        self._listed_at = now

    async def _read(
        self, proxy: Proxy, slots: asyncio.Semaphore
    ) -> tuple[Place, Reading, Reading | None, float] | Failure:
        async with slots:
            try:
                async with asyncio.timeout(ANSWER_S):
                    answer = await proxy.read()
            except TimeoutError:
                return _silent(f"the proxy of {proxy.place.workload} did not answer within {ANSWER_S:g} s")
            except Outcome as outcome:
                return as_failure(outcome)
            at = time.monotonic()
            if len(answer) > LARGEST:
                return _silent(f"the proxy of {proxy.place.workload} answered more than {LARGEST} bytes")
            try:
                reading = await asyncio.to_thread(self._expositions[proxy.process].read, answer)
            except InvalidExposition as error:
                return _silent(f"the proxy of {proxy.place.workload} answered something else: {error}")
        grown, seconds = self._increases.take(proxy.process, reading, at) or (None, 0.0)
        return proxy.place, reading, grown, seconds


def _silent(what: str) -> Failure:
    remedy = "Ask its statistics by hand, as `kubectl port-forward` and `curl` do; what it counted is missing."
    return Failure(code="MW5305", what=what, remedy=remedy, severity="warning", retryable=True)


def _has(reading: Reading, statistics: Statistics) -> bool:
    return any(series.name in statistics.counters for series in reading.counters)


def _of(reading: Reading, statistics: Statistics) -> Reading:
    return Reading(
        {series: value for series, value in reading.counters.items() if series.name in statistics.counters},
        {series: value for series, value in reading.histograms.items() if series.name in statistics.histograms},
    )
