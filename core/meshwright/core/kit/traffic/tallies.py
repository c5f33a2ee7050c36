"""What both ends of an edge counted in a window, each request once.

Problem: the proxy of who asks and the proxy of who is asked both count a request, not always in the same window, and
often only one of them exists. Invariant: an edge is counted by its source where that reports it, else by the waypoint,
else by the destination; an edge whose better reporter may still come is held back for one window, so a request that one
end told earlier than the other is not counted twice. Whether requests came by mutual TLS, whoever knows it says; what
is known of connections holds until others are opened.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from meshwright.core.kit.traffic.meanings import EdgeKey, Meaning, Place, Reporter, Statistics
from meshwright.core.kit.traffic.series import Reading
from meshwright.core.measurements import histograms
from meshwright.core.measurements.histograms import Histogram
from meshwright.schemas.telemetry import Protocol

BEST: tuple[Reporter, ...] = ("source", "waypoint", "destination")


@dataclass
class Tally:
    """What one reporter counted of one edge."""

    requests: float = 0.0
    errors: float = 0.0
    rate: float = 0.0
    secured: float = 0.0
    unsecured: float = 0.0
    connections: float | None = None
    sent: float | None = None
    received: float | None = None
    latencies: Histogram = field(default_factory=dict)
    grpc: float = 0.0
    """of the requests"""

    def count(self, meaning: Meaning, value: float, seconds: float) -> None:
        """Add a counter's increase over so many seconds."""
        match meaning.quantity:
            case "requests":
                self.requests += value
                self.rate += value / seconds
                self.errors += value if meaning.failed else 0.0
                self.grpc += value if meaning.is_grpc else 0.0
            case "errors":
                self.errors += value
            case "connections":
                self.connections = (self.connections or 0.0) + value
            case "secured":
                self.secured += value
                self.unsecured -= value
            case "sent":
                self.sent = (self.sent or 0.0) + value
            case "received":
                self.received = (self.received or 0.0) + value
        if meaning.quantity in ("requests", "connections") and meaning.secured is not None:
            self.secured += value if meaning.secured else 0.0
            self.unsecured += 0.0 if meaning.secured else value

    def time(self, meaning: Meaning, buckets: Mapping[float, float]) -> None:
        """Add a histogram's increase."""
        in_milliseconds = {bound * meaning.unit: count for bound, count in buckets.items()}
        histograms.add(self.latencies, histograms.of_cumulative(in_milliseconds))

    def is_used(self) -> bool:
        """Whether anything was counted."""
        return any((self.requests, self.errors, self.connections, self.sent, self.received))

    def share_secured(self) -> float | None:
        """Of what is known to have come by mutual TLS or not; None when nothing is."""
        known = self.secured + max(self.unsecured, 0.0)
        return self.secured / known if known > 0 else None

    @property
    def protocol(self) -> Protocol:
        """What was spoken; empty when nothing was counted."""
        if self.requests:
            return "grpc" if self.grpc * 2 > self.requests else "http"
        return "tcp" if any((self.connections, self.sent, self.received)) else ""

    def add(self, earlier: "Tally") -> None:
        """Add what was held back; the rate is that of both windows."""
        self.rate = (self.rate + earlier.rate) / 2
        self.requests += earlier.requests
        self.errors += earlier.errors
        self.grpc += earlier.grpc
        self.secured += earlier.secured
        self.unsecured += earlier.unsecured
        self.connections = _sum(self.connections, earlier.connections)
        self.sent, self.received = _sum(self.sent, earlier.sent), _sum(self.received, earlier.received)
        histograms.add(self.latencies, earlier.latencies)


Tallies: TypeAlias = dict[EdgeKey, dict[Reporter, Tally]]


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)


def tally(total: Tallies, statistics: Statistics, parts: Iterable[tuple[Reading, Place, float]]) -> None:
    """Add what readings (increases over so many seconds) mean."""
    for reading, place, seconds in parts:
        for series, value in reading.counters.items():
            if meaning := statistics.interpret(series.name, dict(series.labels), place):
                _of(total, meaning).count(meaning, value, seconds)
        for series, buckets in reading.histograms.items():
            if meaning := statistics.interpret(series.name, dict(series.labels), place):
                _of(total, meaning).time(meaning, buckets)


def _of(total: Tallies, meaning: Meaning) -> Tally:
    return total.setdefault(meaning.edge, {}).setdefault(meaning.reporter, Tally())


@dataclass
class Reporters:
    """Chooses the reporter of each edge, from one window to the next."""

    _chosen: dict[EdgeKey, Reporter] = field(default_factory=dict)
    _held: dict[EdgeKey, tuple[Reporter, Tally]] = field(default_factory=dict)
    _secured: dict[EdgeKey, float] = field(default_factory=dict)
    _used: set[EdgeKey] = field(default_factory=set)

    def choose(self, window: Tallies) -> dict[EdgeKey, Tally]:
        """What each edge counted, in this window and in what was held back of the last one.

        One that nobody has used since this began is left out: proxies count for all whom they know.
        """
        result: dict[EdgeKey, Tally] = {}
        held, self._held = self._held, {}
        for edge, reports in window.items():
            reporter = next(each for each in BEST if each in reports)
            counted = reports[reporter]
            known = self._chosen.get(edge)
            late = held.pop(edge, None)
            if late and late[0] == reporter:
                counted.add(late[1])
            elif reporter != "source" and (known is None or BEST.index(reporter) > BEST.index(known)):
                self._held[edge] = reporter, counted
                continue
            self._chosen[edge] = reporter
            self._secure(edge, counted, reports)
            result[edge] = counted
        for edge, (_, counted) in held.items():  # nobody reports them any more
            self._chosen.pop(edge, None)
            result[edge] = counted
        self._chosen = {edge: reporter for edge, reporter in self._chosen.items() if edge in window}
        self._secured = {edge: share for edge, share in self._secured.items() if edge in window}
        self._used = {edge for edge, counted in result.items() if edge in self._used or counted.is_used()}
        return {edge: counted for edge, counted in result.items() if edge in self._used}

    def _secure(self, edge: EdgeKey, counted: Tally, reports: Mapping[Reporter, Tally]) -> None:
        """Who is asked knows by which connection; who asks may not."""
        shares = (each.share_secured() for each in (counted, *reports.values()))
        share = next((each for each in shares if each is not None), self._secured.get(edge))
        if share is not None:
            self._secured[edge] = share
            counted.secured, counted.unsecured = share, 1.0 - share
