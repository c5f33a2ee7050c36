"""The overview and traffic over time for people: lines with gaps, marks and sentences."""

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.schemas import operations
from meshwright.schemas.readings import overview as contract
from meshwright.schemas.readings.traffic import (
    Series,
    SeriesPoint,
    Topology,
    TopologyLink,
    TopologyNode,
    TrafficNumbers,
)
from meshwright.ui_api.cli.render.traffic import overview as rendered

Server = Any
Terminal = Any
NOW = datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.UTC)
NUMBERS = TrafficNumbers(
    requests=600, errors=60, rate=10.0, error_rate=0.1, p50_ms=2.5, p90_ms=9.0, p99_ms=1500.0, mutual_tls=0.5
)


def point(minute: int, rate: float, seconds: float = 60.0, **more: Any) -> SeriesPoint:
    """A step of a minute."""
    start = NOW + datetime.timedelta(minutes=minute)
    return SeriesPoint(start=start, seconds=seconds, requests=int(rate * seconds), rate=rate, **more)


def mesh(name: str, **more: Any) -> contract.MeshOverview:
    """A mesh at a glance."""
    counts = more.pop("proxies", contract.ProxyCounts(total=3, in_sync=3))
    return contract.MeshOverview(
        id=name, kind="envoy", adapter="envoy", connection="c", version="1.36", proxies=counts, observed_at=NOW, **more
    )


def overview(*shown: contract.MeshOverview, **more: Any) -> dict[str, Any]:
    """An overview as the API sends it."""
    document = contract.Overview(
        meshes=list(shown),
        mesh_count=more.pop("mesh_count", len(shown)),
        operations=more.pop("operations", contract.RunningOperations(count=0, newest=[])),
        attention=more.get("attention", []),
        attention_total=more.pop("attention_total", len(more.get("attention", []))),
        at=NOW,
    )
    return dict(msgspec.to_builtins(document))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([0.0, 0.0], "▁▁"),
        ([None, None], "  "),
        ([0.0, 1.0, 2.0, 4.0, 8.0], "▁▂▃▅█"),
        ([8.0, None, 8.0], "█ █"),
    ],
)
def test_a_line_goes_from_zero_to_the_highest(values: list[float | None], expected: str) -> None:
    """What was not measured is a gap."""
    assert rendered.sparkline(values) == expected


@given(st.lists(st.none() | st.floats(0, 1e9)))
def test_a_line_has_a_place_for_each_value(values: list[float | None]) -> None:
    """However large they are; higher values have no lower bars."""
    line = rendered.sparkline(values)
    assert len(line) == len(values)
    known = [(value, bar) for value, bar in zip(values, line, strict=True) if value is not None]
    bars = [bar for _, bar in sorted(known)]
    assert bars == sorted(bars)


def test_meshes_are_rows_with_what_is_wrong(server: Server, terminal: Terminal) -> None:
    """Proxies that are not in sync, shares, latencies and a line; a mesh without traffic has none of these."""
    counts = contract.ProxyCounts(total=5, in_sync=2, rejected=1, stale=2)
    busy = mesh("busy", state="degraded", proxies=counts, traffic=NUMBERS, sparkline=[point(0, 1.0), point(1, 8.0)])
    server.on("GET /v1/overview", overview(busy, mesh("quiet", state="ready"), mesh_count=3))
    lines = [" ".join(line.split()) for line in terminal.run("overview").stdout.splitlines()]
    assert lines[1] == "busy envoy 1.36 degraded 2/5 1 rejected 2 stale 50.0 % 10.0 ✗ 10.0 % 2.5 ms 1.50 s ▂█"
    assert lines[2] == "quiet envoy 1.36 ready 3/3 - - - - -"
    assert lines[3] == "and 1 more meshes"
    assert lines[-1] == "nothing needs you"


def test_what_needs_somebody_is_said_with_the_entity(server: Server, terminal: Terminal) -> None:
    """And what runs, by its title."""
    link = contract.EntityLink(kind="proxy", id="m~~p", mesh="m")
    item = contract.Attention(kind="proxies-rejected", severity="error", sentence="Proxy p says no", entity=link)
    running = operations.Operation(
        id="01JD8X3M5TZ9Q4W7V2K6N0B1CE", workspace="w", adapter="a", title="Apply slow to m", state="running"
    )
    doing = contract.RunningOperations(count=4, newest=[running])
    server.on("GET /v1/overview", overview(mesh("m"), attention=[item], attention_total=3, operations=doing))
    text = terminal.run("overview").stdout
    for words in ("running: 4", "Apply slow to m", "error", "Proxy p says no", "proxy m~~p", "and 2 more"):
        assert words in text, text
    assert "nothing needs you" not in text


def test_an_empty_workspace_says_what_comes_next(server: Server, terminal: Terminal) -> None:
    """The command that makes the first mesh."""
    server.on("GET /v1/overview", overview())
    assert "meshwright meshes install NAME" in terminal.run("overview").stdout


def series(points: list[SeriesPoint], **more: Any) -> dict[str, Any]:
    """A series as the API sends it."""
    total = SeriesPoint(
        start=NOW, seconds=120.0, **{name: getattr(NUMBERS, name) for name in NUMBERS.__struct_fields__}
    )
    hour = datetime.timedelta(hours=1)
    document = Series(mesh="m1", since=NOW, until=NOW + hour, step=60.0, points=points, total=total, **more)
    return dict(msgspec.to_builtins(document))


def test_traffic_over_time_has_a_line_for_each_number(server: Server, terminal: Terminal) -> None:
    """With the last, lowest and highest, and that of all; what is asked for reaches the API."""
    points = [point(0, 4.0, p99_ms=8.0), point(1, 0.0, seconds=0.0), point(2, 8.0, p99_ms=4.0, error_rate=0.25)]
    server.on(
        "GET /v1/workloads", {"items": [{"service": "cart", "namespace": "shop", "version": "v1", "name": "cart"}]}
    )
    server.on("GET /v1/meshes/m1/series", series(points, complete=False))
    asked = ("--service", "shop/cart", "--version", "v1", "--since", "2026-01-01T12:00:00Z", "--points", "10")
    told = terminal.run("metrics", "m1", *asked)
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert "steps of 60 s" in lines[0]
    assert "requests/s 8.0 4.0 8.0 10.0 ▅ █" in lines
    assert "errors 25.0 % 0 % 25.0 % 10.0 % ▁ █" in lines
    assert "p99 4.0 ms 4.0 ms 8.0 ms 1.50 s █ ▅" in lines
    assert lines[-1].startswith("! the oldest part is left out")
    query = server.calls[-1].query
    assert query == {
        "service": ["shop/cart"], "version": ["v1"], "points": ["10"], "since": ["2026-01-01T12:00:00+00:00"],
    }  # fmt: skip


def test_a_span_without_measurements_says_since_when_there_are_some(server: Server, terminal: Terminal) -> None:
    """Instead of lines of zeros."""
    server.on("GET /v1/meshes/m1/series", series([point(0, 0.0, seconds=0.0)], kept_since=NOW))
    text = terminal.run("metrics", "m1").stdout
    assert "Nothing was measured in this span; the oldest window began at 2026-01-01" in text
    since = datetime.datetime.fromisoformat(server.calls[-1].query["since"][0])
    assert datetime.datetime.now(datetime.UTC) - since >= datetime.timedelta(minutes=59)


def test_a_grouped_graph_is_shown_by_its_links(server: Server, terminal: Terminal) -> None:
    """With how many nodes there really are; a namespace without traffic is named."""
    nodes = [TopologyNode(id=f"namespace:{name}", workloads=[], versions=[]) for name in ("shop", "test", "idle")]
    link = TopologyLink(source="namespace:test", destination="namespace:shop", requests=9, rate=4.5, p99_ms=3.0)
    document = Topology(
        mesh="m1", start=NOW, seconds=10.0, nodes=nodes, edges=[], links=[link], group="namespace", total_nodes=900
    )
    server.on("GET /v1/meshes/m1/topology", msgspec.to_builtins(document))
    told = terminal.run("topology", "-m", "m1", "--group", "namespace", "--expand", "a", "--expand", "b")
    lines = [" ".join(line.split()) for line in told.stdout.splitlines()]
    assert lines[0].endswith("by namespace, 900 nodes in all")
    assert lines[2] == "namespace:test → namespace:shop 4.5 0.0 % - 3.0 ms"
    assert lines[-1] == "without traffic: namespace:idle"
    query = server.calls[-1].query
    assert query.pop("since"), "the last minute, unless another span is asked for"
    assert query == {"group": ["namespace"], "expand": ["a,b"]}
