"""Traffic as it is read: over time with true quantiles, and as a graph, from windows that an adapter published."""

import datetime
from typing import Any

import pytest

from rig.stack.people import Person
from rig.stack.stack import Stack
from rig.stack.windows import SECONDS, WINDOWS, iso, measured

pytestmark = pytest.mark.servers


def requests_of(document: Any) -> int:
    """All requests of a graph."""
    return sum(link["requests"] for link in document["links"])


async def test_two_hours_of_traffic_are_read_as_points_and_as_a_graph(admin: Person, shared: Stack) -> None:
    """More windows than a page holds: nothing is missing, and quantiles are those of all requests."""
    await admin.mesh()
    begin = await measured(shared, admin)
    span = {"since": iso(begin), "until": iso(begin + datetime.timedelta(seconds=SECONDS * WINDOWS))}
    series = await admin.get("/v1/meshes/m1/series", params={**span, "points": 50})
    assert series["complete"]
    assert series["kept_since"] == iso(begin)
    assert len(series["points"]) <= 51
    assert sum(point["requests"] for point in series["points"]) == series["total"]["requests"] == 75 * 700 + 7 * 50
    assert series["total"]["errors"] == 7 * 5
    assert series["total"]["seconds"] == SECONDS * WINDOWS
    assert series["total"]["rate"] == pytest.approx((75 * 700 + 350) / 7000)
    assert series["total"]["mutual_tls"] == 1.0
    # 0.7 % of all requests were slow: the 99th percentile is quick, though it is slow in the steps that had them
    assert series["total"]["p99_ms"] < 10.0
    slow = [point for point in series["points"] if point["errors"]]
    assert len(slow) == 7
    assert all(point["p99_ms"] > 10.0 > point["p50_ms"] for point in slow)
    assert [point["start"] for point in series["points"]] == sorted(point["start"] for point in series["points"])

    graph = await admin.get("/v1/meshes/m1/topology", params={**span, "group": "service"})
    assert (graph["seconds"], graph["start"], graph["complete"]) == (7000.0, iso(begin), True)
    assert requests_of(graph) == series["total"]["requests"]
    links = {(link["source"], link["destination"]): link for link in graph["links"]}
    assert links["workload:web-v1", "reviews"]["requests"] == 50 * 700 + 350
    assert links["workload:web-v1", "external:api.example"]["requests"] == 5 * 700
    assert links["reviews", "ratings"]["rate"] == 2.0
    assert links["workload:web-v1", "reviews"]["health"]["state"] == "ok"
    assert {node["id"]: node["kind"] for node in graph["nodes"]} == {
        "reviews": "service", "ratings": "service", "workload:web-v1": "workload", "external:api.example": "external",
    }  # fmt: skip

    await _chosen(admin, span)
    await _now(admin)


async def _chosen(admin: Person, span: dict[str, str]) -> None:
    """Only some of the traffic."""
    cases = [
        ({"service": "reviews"}, 50 * 700 + 350),
        ({"service": "reviews", "version": "v9"}, 0),
        ({"source": "reviews"}, 20 * 700),  # the service's workload is reviews-v1
        ({"source": "web-v1", "destination": "api.example"}, 5 * 700),
        ({"namespace": "elsewhere"}, 0),
    ]
    for chosen, expected in cases:
        answer = await admin.get("/v1/meshes/m1/series", params={**span, **chosen})
        assert answer["total"]["requests"] == expected, chosen
        assert sum(point["requests"] for point in answer["points"]) == expected, chosen


async def _now(admin: Person) -> None:
    """The newest window alone, as before; by version; a part of the span."""
    graph = await admin.get("/v1/meshes/m1/topology")
    assert (graph["group"], graph["seconds"], graph["total_nodes"]) == ("service", SECONDS, 4)
    assert [edge["source"] for edge in graph["edges"]] == ["reviews-v1", "web-v1", "web-v1"]
    assert requests_of(graph) == sum(edge["requests"] for edge in graph["edges"]) == 75
    versions = await admin.get("/v1/meshes/m1/topology", params={"group": "version"})
    assert {link["destination"] for link in versions["links"]} == {"reviews@v1", "external:api.example", "ratings@v2"}
    assert versions["edges"] == []
    until = graph["start"]
    earlier = await admin.get("/v1/meshes/m1/topology", params={"since": until})
    assert earlier["seconds"] == SECONDS
    nothing = await admin.get("/v1/meshes/m1/topology", params={"until": "2020-01-01T00:00:00Z"})
    assert (nothing["links"], nothing["start"], nothing["seconds"]) == ([], None, 0.0)


async def test_a_mesh_without_traffic_has_steps_in_which_nothing_was_measured(admin: Person) -> None:
    """An hour of them, and no quantiles."""
    await admin.mesh()
    series = await admin.get("/v1/meshes/m1/series")
    assert {(point["seconds"], point["requests"], point.get("p99_ms")) for point in series["points"]} == {(0, 0, None)}
    assert 60 <= len(series["points"]) <= 61
    assert series.get("kept_since") is None
    await admin.problem("GET", "/v1/meshes/other/series", status=404, slug="not-found")
    span = {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}
    await admin.problem("GET", "/v1/meshes/m1/series", params=span, status=400, slug="invalid-request")
