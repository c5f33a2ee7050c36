"""Testing a connection to a Prometheus: what it is, whose traffic it knows, and what is wrong with it."""

import msgspec

from meshwright.core import kit
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.traffic import Traffic
from meshwright.core.kit.traffic.proxies import Proxy
from meshwright.core.kit.traffic.trying import try_prometheus
from meshwright.schemas.adapters import AdapterAnnouncement
from meshwright.schemas.connections import ConnectionTest, EnvoyFleet, Prometheus
from meshwright.ui_api.requests.live_adapters import LiveAdapters
from rig.prometheus import ScrapingServer
from unit.traffic.test_reading import LOOPBACK, MESH, PLAIN, lines


async def tried(server: ScrapingServer, **settings: object) -> ConnectionTest:
    """A test of this server, by these settings of its connection."""
    async with server.serving() as url:
        known = msgspec.convert({"url": url, **settings}, Prometheus)
        connection = OpenConnection(workspace="default", id="prom", kind="prometheus", settings=known)
        return await try_prometheus(connection, [MESH, PLAIN], LOOPBACK)


async def test_a_prometheus_that_scrapes_the_mesh_is_fine() -> None:
    """Its version, who we are there, and whose statistics it has."""
    server = ScrapingServer()
    server.authorization = "Bearer abc"
    for count in (1, 2):
        server.now += 15.0
        server.scrape("web", lines(a=count))
    result = await tried(server, bearer_token="abc")
    assert (result.ok, result.version, result.identity, result.problems) == (True, "3.5.0", "bearer token", [])
    assert result.details["statistics"] == "mesh"


async def test_one_without_series_of_the_mesh_says_what_to_look_at() -> None:
    """It answers, and nothing can be read from it."""
    result = await tried(ScrapingServer(), matchers={"cluster": "other"})
    assert (result.ok, result.version) == (False, "3.5.0")
    assert [each.pointer for each in result.problems] == ["#/matchers"]
    assert "See whether it scrapes the proxies" in result.problems[0].detail


async def test_refused_credentials_are_told_without_them() -> None:
    """The reason is the server's; the secret is in no word of it."""
    server = ScrapingServer()
    server.authorization = "Bearer right"
    result = await tried(server, bearer_token="wrong-secret")
    assert (result.ok, [each.pointer for each in result.problems]) == (False, ["#/url"])
    assert "wrong-secret" not in msgspec.json.encode(result).decode()


def test_no_mesh_is_installed_on_a_prometheus() -> None:
    """An adapter that reads one announces that it tests it, and that no mesh lives there."""

    async def proxies(_: kit.Scope) -> list[Proxy]:
        return []

    traffic = Traffic(statistics=[MESH], proxies=proxies)
    adapter = kit.Adapter("trial", meshes=["trial"], connections=[EnvoyFleet], traffic=traffic)
    announced = adapter.announcement("i")
    kinds = {each.kind: (each.tested, each.meshes) for each in announced.connections or []}
    assert kinds == {"envoy-fleet": (False, True), "prometheus": (True, False)}
    live = LiveAdapters()
    live.learn("trial.i", msgspec.json.encode(announced))
    assert isinstance(announced, AdapterAnnouncement)
    assert live.testers("prometheus") == ["trial"]
    assert live.mesh_kinds("prometheus") == []
    assert live.mesh_kinds("envoy-fleet") == ["trial"]
