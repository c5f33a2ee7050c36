"""Windows of traffic as an adapter publishes them, for tests of what is read of them."""

import datetime
from typing import Any

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import subjects
from meshwright.schemas.telemetry import Edge, EdgesMeasured, LatencyBucket
from rig.stack.people import Person
from rig.stack.stack import Stack

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
