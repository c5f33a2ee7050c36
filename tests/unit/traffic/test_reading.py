"""Both ways to read traffic keep the same promises: from the proxies themselves, and from a Prometheus."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec
import pytest

from meshwright.core.kit import server_client
from meshwright.core.kit.traffic.meanings import EdgeKey, Meaning, Place, Statistics
from meshwright.core.kit.traffic.prometheus import PrometheusReader, headers
from meshwright.core.kit.traffic.proxies import Measured, Proxy, ProxyReader
from meshwright.core.measurements.histograms import Histogram, add, of_cumulative, quantile
from meshwright.core.operations.outcomes import Retry
from meshwright.core.security import ssrf
from meshwright.schemas.connections import Prometheus
from meshwright.schemas.errors import Failure
from rig.prometheus import ScrapingServer

LOOPBACK = ssrf.policy("127.0.0.0/8")


def interpret(name: str, labels: Mapping[str, str], place: Place) -> Meaning:
    """To whom, and nothing else."""
    return Meaning(edge=EdgeKey("", "web", "", labels.get("to", "")), reporter="source", quantity="requests")


MESH = Statistics(
    name="mesh",
    counters=["mesh_total", "mesh_opened"],
    histograms=["mesh_time"],
    labels=["to"],
    interpret=interpret,
)
PLAIN = Statistics(name="plain", counters=["plain_total"], histograms=[], labels=["to"], interpret=interpret)


class Way(Protocol):
    """How a test plays a mesh."""

    async def window(self, **answers: str | None) -> Measured:
        """The next window, in which processes came to tell this (None: nothing); others are gone."""


class FromProxies:
    """The kit asks each process."""

    def __init__(self) -> None:
        self.answers: dict[str, str | None] = {}
        self.reader = ProxyReader([MESH, PLAIN], self.list, every=1e6)

    async def list(self) -> list[Proxy]:
        """All that are there."""
        return [Proxy(name, Place(), self._reading(name)) for name in self.answers]

    async def window(self, **answers: str | None) -> Measured:
        """Asks at once."""
        self.answers = answers
        return await self.reader.window()

    def _reading(self, name: str) -> "Reading":
        return Reading(self, name)


class Reading:
    """One process, as it is asked."""

    def __init__(self, way: FromProxies, name: str) -> None:
        self.way, self.name = way, name

    async def __call__(self) -> bytes:
        """What it tells now."""
        answer = self.way.answers[self.name]
        if answer is None:
            raise Retry(1.0, Failure(code="MW4242", what="it is away"))
        return answer.encode()


class FromPrometheus:
    """A Prometheus asks each process every 15 s, and the kit asks that."""

    def __init__(self, server: ScrapingServer, reader: PrometheusReader) -> None:
        self.server, self.reader = server, reader

    async def window(self, **answers: str | None) -> Measured:
        """After four scrapes."""
        for _ in range(4):
            self.server.now += 15.0
            for name, answer in answers.items():
                self.server.scrape(name, answer)
        return await self.reader.window()


@contextlib.asynccontextmanager
async def from_prometheus(
    server: ScrapingServer, matchers: Mapping[str, str] | None = None, *, settings: Mapping[str, str] | None = None
) -> AsyncIterator[PrometheusReader]:
    """A reader of this server."""
    async with server.serving() as url:
        connection = msgspec.convert({"url": url, **(settings or {})}, Prometheus)
        client = await server_client.connect(connection, LOOPBACK, headers(connection))
        reader = PrometheusReader([MESH, PLAIN], client, "prom", matchers or {})
        try:
            yield reader
        finally:
            await reader.close()


@pytest.fixture(params=["proxies", "prometheus"])
async def way(request: pytest.FixtureRequest) -> AsyncIterator[Way]:
    """Each way to read."""
    if request.param == "proxies":
        yield FromProxies()
        return
    server = ScrapingServer()
    async with from_prometheus(server) as reader:
        yield FromPrometheus(server, reader)


def total(measured: Measured) -> float:
    """All increases of a window."""
    return sum(value for reading, _, _ in measured.parts for value in reading.counters.values())


def times(measured: Measured) -> Histogram:
    """All latencies of a window."""
    result: Histogram = {}
    for reading, _, _ in measured.parts:
        for buckets in reading.histograms.values():
            add(result, of_cumulative(buckets))
    return result


def lines(**requests: int) -> str:
    """What a process tells of whom it asked."""
    return "".join(f'mesh_total{{to="{to}"}} {count}\n' for to, count in requests.items())


async def test_what_was_before_is_not_counted_and_then_everything_is(way: Way) -> None:
    """A mesh that runs for days when it is looked at first."""
    assert total(await way.window(web=lines(a=1000))) == 0
    assert total(await way.window(web=lines(a=1007))) == 7
    assert total(await way.window(web=lines(a=1007))) == 0


async def test_processes_are_added_up(way: Way) -> None:
    """Each by itself, whatever the others do."""
    await way.window(web=lines(a=10), cart=lines(a=10, b=500))
    assert total(await way.window(web=lines(a=11), cart=lines(a=12, b=504))) == 7


async def test_a_series_that_begins_is_counted_from_zero(way: Way) -> None:
    """The first request ever to somebody."""
    await way.window(web=lines(a=1))
    assert total(await way.window(web=lines(a=1, b=4))) == 4


async def test_a_counter_that_shrank_began_again(way: Way) -> None:
    """The process restarted under the same name."""
    await way.window(web=lines(a=1000, b=3))
    assert total(await way.window(web=lines(a=4, b=5))) == 6


async def test_who_ends_is_not_subtracted(way: Way) -> None:
    """The counts of a pod that is gone were counted when they came."""
    await way.window(web=lines(a=1000), cart=lines(a=10))
    assert total(await way.window(cart=lines(a=12))) == 2
    assert total(await way.window(cart=lines(a=12))) == 0


async def test_silence_of_one_harms_no_other_and_is_not_taken_for_a_restart(way: Way) -> None:
    """What it counted before is never counted again."""
    await way.window(web=lines(a=1000), cart=lines(a=1000))
    assert total(await way.window(web=None, cart=lines(a=1002))) == 2
    assert total(await way.window(web=lines(a=1005), cart=lines(a=1002))) <= 5


async def test_windows_add_up_to_what_was_counted(way: Way) -> None:
    """Nothing falls between two windows."""
    counts = [100, 100, 107, 140, 141, 141, 260]
    windows = [total(await way.window(web=lines(a=count))) for count in counts]
    assert sum(windows) == counts[-1] - counts[0]
    assert windows == [0, *(after - before for before, after in itertools.pairwise(counts))]


def histogram(*buckets: int) -> str:
    """Cumulative counts at or below 5, 50 and any milliseconds."""
    bounds = zip(("5", "50", "+Inf"), buckets, strict=True)
    return "".join(f'mesh_time_bucket{{to="a",le="{bound}"}} {count}\n' for bound, count in bounds) + lines(
        a=buckets[-1]
    )


async def test_quantiles_are_those_of_the_window(way: Way) -> None:
    """A slow minute is seen although a fast year was before."""
    await way.window(web=histogram(100_000, 100_000, 100_000))
    slow = times(await way.window(web=histogram(100_000, 100_010, 100_010)))
    assert slow == {(5.0, 50.0): 10.0}
    fast = times(await way.window(web=histogram(100_010, 100_020, 100_020)))
    both: Histogram = {}
    add(both, slow)
    add(both, fast)
    assert (quantile(slow, 0.5), quantile(fast, 0.5)) == (27.5, 2.5)
    assert quantile(both, 0.75) == 27.5, "three quarters of both windows, not a mean of theirs"


async def test_statistics_of_the_mesh_are_preferred(way: Way) -> None:
    """Plain ones are read where there are no others, and it is told which they are."""
    plain = await way.window(web='plain_total{to="a"} 1\n')
    assert (plain.statistics, plain.source.statistics) == (PLAIN, "plain")
    both = await way.window(web='plain_total{to="a"} 1\n' + lines(a=1))
    assert (both.statistics, both.source.statistics) == (MESH, "mesh")


async def test_without_any_statistics_nothing_is_claimed(way: Way) -> None:
    """Nobody counts."""
    measured = await way.window(web="other 3\n")
    assert (measured.statistics, list(measured.parts), measured.source.statistics) == (None, [], "")


async def test_values_that_no_counter_has_are_left_out(way: Way) -> None:
    """As if they had not been told."""
    await way.window(web=lines(a=1, b=1))
    assert total(await way.window(web=lines(a=2) + 'mesh_total{to="b"} NaN\n')) == 1
