"""Traffic as it is read: over time with true quantiles, and as a graph, from windows that an adapter published."""

import datetime
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import subjects
from meshwright.schemas.telemetry import Edge, EdgesMeasured, LatencyBucket
from rig.stack.people import Person
from rig.stack.stack import Stack

pytestmark = pytest.mark.servers
WINDOWS = 700
SECONDS = 10.0


def edge(source: str, destination: str, counts: tuple[int, int], errors: int = 0, **more: Any) -> Edge:
    """Requests of up to 10 ms, and of 10 to 1000 ms."""
    slow = LatencyBucket(lower_ms=10.0, upper_ms=1000.0, count=counts[1])
    requests = sum(counts)
    return Edge(
        source=source,
        destination=destination,
        requests=requests,
        errors=errors,
        rate=requests / SECONDS,
        error_rate=errors / requests,
        mutual_tls=1.0,
        latencies=[LatencyBucket(lower_ms=0.0, upper_ms=10.0, count=counts[0]), *([slow] if counts[1] else [])],
        **more,
    )


def edges(number: int) -> list[Edge]:
    """Every hundredth window has slow requests, of which some fail."""
    slow = 50 if number % 100 == 0 else 0
    return [
        edge("web-v1", "reviews", (50, slow), errors=slow // 10, destination_version="v1"),
        edge("web-v1", "api-example", (5, 0), destination_host="api.example"),
        edge("reviews-v1", "ratings", (20, 0), destination_version="v2"),
    ]


async def measured(shared: Stack, person: Person, count: int = WINDOWS) -> datetime.datetime:
    """So many windows of a mesh, one after the other up to now; when the first of them began."""
    begin = datetime.datetime.now(datetime.UTC).replace(microsecond=0) - datetime.timedelta(seconds=SECONDS * count)
    subject = subjects.fill(subjects.METRICS, workspace=person.workspace, origin="trial", mesh="m1")
    async with mwbus.connect(shared.nats.url, "tester") as bus:
        for number in range(count):
            start = begin + datetime.timedelta(seconds=SECONDS * number)
            window = EdgesMeasured(mesh="m1", start=start, seconds=SECONDS, edges=edges(number))
            await bus.publisher.publish(subject, window, about="meshes/m1")

    async def is_visible() -> bool:
        newest = (await person.get("/v1/meshes/m1/metrics", params={"limit": 1}))["items"]
        return bool(newest) and newest[0]["start"] == iso(start)

    await eventually(is_visible)
    return begin


def iso(moment: datetime.datetime) -> str:
    """As it stands in answers."""
    return moment.isoformat().replace("+00:00", "Z")


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
