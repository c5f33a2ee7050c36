"""What is particular to reading from a Prometheus: its clock, its scrapes, its labels, and all that it may answer."""

import pytest

from meshwright.core.kit import server_client
from meshwright.core.kit.server_client import ServerRefuses, ServerUnavailable
from meshwright.core.kit.traffic.prometheus import PrometheusReader
from meshwright.core.security import ssrf
from meshwright.schemas.connections import Prometheus, Tls
from rig.prometheus import ScrapingServer
from unit.traffic.test_reading import LOOPBACK, MESH, from_prometheus, lines, total


async def test_a_window_is_four_scrapes_long() -> None:
    """However often this Prometheus scrapes: fewer would say nothing of a rate."""
    server = ScrapingServer()
    for n in range(30):
        server.now += 30.0
        server.scrape("web", lines(a=100 + n))
    async with from_prometheus(server) as reader:
        measured = await reader.window()
    assert reader.every == measured.seconds == 120.0
    assert total(measured) == 4


async def test_windows_follow_each_other_without_gap_or_overlap() -> None:
    """Late by any fraction of a second, the next one begins where the last one ended, by Prometheus' clock."""
    server, counted = ScrapingServer(), 0.0
    async with from_prometheus(server) as reader:
        for n in range(200):
            server.now += 7.3
            server.scrape("web", lines(a=n))
            if n % 9 == 8:
                counted += total(await reader.window())
        server.now += 1.0
        counted += total(await reader.window())
    assert counted == 199, "all but the value of the very first scrape, which was 0"


async def test_after_a_long_silence_one_window_is_not_hours_long() -> None:
    """It would be no picture of now."""
    server = ScrapingServer()
    async with from_prometheus(server) as reader:
        for pause in (15.0, 15.0, 7200.0, 15.0):
            server.now += pause
            server.scrape("web", lines(a=1))
            measured = await reader.window()
    assert measured.seconds == 15.0
    assert all("7200" not in query for query in server.queries)


async def test_only_series_with_the_matchers_are_read() -> None:
    """One Prometheus has two clusters."""
    server = ScrapingServer()
    async with from_prometheus(server, {"cluster": 'pro"d\\1', "env": "x"}) as reader:
        for count in (1, 11):
            server.now += 60.0
            server.scrape("web", lines(a=count), cluster='pro"d\\1', env="x")
            server.scrape("web2", lines(a=count * 1000), cluster="test", env="x")
            measured = await reader.window()
    assert total(measured) == 10
    assert any('mesh_total{cluster="pro\\"d\\\\1",env="x"}' in query for query in server.queries)


async def test_a_mesh_that_has_no_requests_is_read_too() -> None:
    """Some statistics of the mesh are enough, such as those of connections."""
    server = ScrapingServer()
    async with from_prometheus(server) as reader:
        for count in (1, 11):
            server.now += 60.0
            server.scrape("web", f'mesh_opened{{to="a"}} {count}\n')
            measured = await reader.window()
    assert (total(measured), measured.source.statistics) == (10, "mesh")


async def test_an_empty_prometheus_says_what_is_missing() -> None:
    """It runs, and does not scrape the proxies."""
    async with from_prometheus(ScrapingServer()) as reader:
        measured = await reader.window()
    assert measured.failure is not None
    assert "no series of mesh_total or plain_total" in measured.failure.what
    assert measured.source.connection == "prom"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"bearer_token": "t0"}, "Bearer t0"),
        ({"username": "ann", "password": "pé:1"}, "Basic YW5uOnDDqTox"),
    ],
)
async def test_it_is_asked_with_the_credentials_of_the_connection(settings: dict[str, str], expected: str) -> None:
    """And says so when they are wrong, without showing them."""
    server = ScrapingServer()
    server.authorization = expected
    async with from_prometheus(server, settings=settings) as reader:
        await reader.window()
    async with from_prometheus(server, settings={**settings, [*settings][-1]: "wrong-secret"}) as reader:
        with pytest.raises(ServerRefuses, match="refuses these credentials") as caught:
            await reader.window()
    assert "wrong-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "text", "kind", "words"),
    [
        (503, "down", ServerUnavailable, "cannot answer now"),
        (429, "slowly", ServerUnavailable, "cannot answer now"),
        (302, "", ServerRefuses, "redirect"),
        (404, "<html>", ServerRefuses, "no Prometheus"),
        (200, "<html>", ServerRefuses, "none of Prometheus' query API"),
        (200, '{"status":"success","data":{"resultType":"scalar","result":[]}}', ServerRefuses, "none of Prometheus"),
        (
            422,
            '{"status":"error","errorType":"execution","error":"too many samples"}',
            ServerRefuses,
            "too many samples",
        ),
        (200, '{"status":"success"}', ServerRefuses, "refuses a query"),
    ],
)
async def test_whatever_it_answers_the_reason_is_reported(
    status: int, text: str, kind: type[Exception], words: str
) -> None:
    """Typed, so that it is shown beside the graph."""
    server = ScrapingServer()
    server.answer = status, text
    async with from_prometheus(server) as reader:
        with pytest.raises(kind, match=words):
            await reader.window()


async def test_an_answer_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would cost the worker its memory."""
    monkeypatch.setattr(server_client, "LARGEST", 1000)
    server = ScrapingServer()
    server.answer = 200, "x" * 100_000
    async with from_prometheus(server) as reader:
        with pytest.raises(ServerRefuses, match="larger than"):
            await reader.window()


async def test_one_that_is_away_is_reported() -> None:
    """Nobody listens there."""
    async with ScrapingServer().serving() as url:
        pass
    async with await server_client.connect(Prometheus(url=url), LOOPBACK) as client:
        with pytest.raises(ServerUnavailable, match="cannot be reached"):
            await PrometheusReader([MESH], client, "prom", {}).window()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9090", "http://localhost:9090", "ftp://example.com", ""])
async def test_it_goes_only_where_this_server_may(url: str) -> None:
    """The rules of connections count for every request."""
    with pytest.raises(ServerRefuses, match="refused"):
        await server_client.connect(Prometheus(url=url), ssrf.Policy())


async def test_a_name_is_judged_by_what_it_resolves_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name that leads inside is not followed."""

    async def inside(host: str, port: int) -> list[str]:
        return ["10.0.0.7"]

    monkeypatch.setattr(ssrf, "system_resolver", inside)
    async with await server_client.connect(Prometheus(url="http://prometheus.example.com"), ssrf.Policy()) as client:
        with pytest.raises(ServerRefuses, match="not a public address"):
            await client.request("GET", "/")


async def test_certificates_that_are_none_are_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(ServerRefuses, match="certificates"):
        await server_client.connect(Prometheus(url="https://example.com", tls=Tls(ca="no")), ssrf.Policy())
