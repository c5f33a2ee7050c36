"""A mesh of 2,000 workloads and 6,000 edges, and a crowd that makes 10,000 of it, as adapters report them.

Problem: what is large must come into the views as it does from a cluster, by the bus and the projector. Invariant: it
is the same mesh each time; only its moments are those of the call.
"""

import asyncio
import datetime
import itertools
import random
from collections.abc import Iterator
from typing import Any

import httpx

from meshwright.core import bus as mwbus
from meshwright.schemas import meshes, subjects
from meshwright.schemas.base import Message
from meshwright.schemas.telemetry import Edge, EdgesMeasured, LatencyBucket
from meshwright.schemas.workloads import Proxy, ProxyObserved, Workload, WorkloadObserved, proxy_id, workload_id

WORKLOADS, EDGES, NAMESPACES = 2000, 6000, 40
EVERYTHING = 10_000
"""workloads of all meshes, each with a proxy"""
SECONDS = 10.0
"""of a window"""
BOUNDS = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)
_WINDOWS = 12
"""in which the edges come, because a message holds a megabyte"""
_AT_ONCE = 100
_PATIENCE_S = 120.0


def workload(number: int, mesh: str = "large") -> Workload:
    """Two versions of each service, evenly over the namespaces."""
    service = number // 2
    name, namespace = f"service-{service:04}-v{number % 2 + 1}", f"team-{service % NAMESPACES:02}"
    return Workload(
        id=workload_id(mesh, namespace, "deployment", name), mesh=mesh, connection="c", namespace=namespace,
        kind="deployment", name=name, service=f"service-{service:04}", version=f"v{number % 2 + 1}", observed_at=now(),
    )  # fmt: skip


def now() -> datetime.datetime:
    """The present second."""
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


def edges(count: int, chance: random.Random, members: list[Workload], bounds: tuple[float, ...] = BOUNDS) -> list[Edge]:
    """Calls between any two of the workloads, with a histogram of these buckets each."""
    result: dict[tuple[str, str, str], Edge] = {}
    while len(result) < count:
        source, target = chance.sample(members, 2)
        counts = [chance.randrange(1, 50) for _ in bounds]
        result[source.id, target.service, target.version] = Edge(
            source=source.name, source_namespace=source.namespace, destination=target.service,
            destination_namespace=target.namespace, destination_version=target.version, requests=sum(counts),
            errors=chance.choice([0, 0, 0, 1]), rate=sum(counts) / SECONDS, error_rate=0.0, p50_ms=1.0, p99_ms=2.0,
            mutual_tls=1.0,
            latencies=[
                LatencyBucket(lower_ms=lower, upper_ms=upper, count=number)
                for lower, upper, number in zip(bounds, (*bounds[1:], None), counts, strict=True)
            ],
        )  # fmt: skip
    return list(result.values())


def _told(mesh: str, count: int) -> Iterator[tuple[str, Message]]:
    """What an adapter says of so many workloads and of their mesh; every thousandth proxy has refused something."""
    yield mesh, meshes.MeshObserved(
        mesh=meshes.Mesh(
            id=mesh, kind="istio", version="1.30.3", connection="c", adapter="example", state="ready",
            workloads=count, proxies=count, observed_at=now(),
        )
    )  # fmt: skip
    for number in range(count):
        one = workload(number, mesh)
        yield one.id, WorkloadObserved(workload=one)
        rejected = number % 1000 == 0
        proxy = Proxy(
            id=proxy_id(mesh, one.namespace, one.name), mesh=mesh, namespace=one.namespace, name=one.name,
            workload=one.id, version="1.36.2", state="rejected" if rejected else "synced",
            error="Duplicate entry of domain reviews" if rejected else "", observed_at=now(),
        )  # fmt: skip
        yield proxy.id, ProxyObserved(proxy=proxy)


async def feed(url: str) -> None:
    """Publishes both meshes and the windows of the large one's traffic, and waits for no view."""
    async with mwbus.connect(url, "tester") as bus:

        async def tell(entity: str, message: Message) -> None:
            subject = subjects.fill(
                subjects.EVENTS, workspace="default", origin="example", entity=message.wire.entity, id=entity
            )
            await bus.publisher.publish(subject, message, timeout=_PATIENCE_S)

        everything = itertools.chain(_told("large", WORKLOADS), _told("crowd", EVERYTHING - WORKLOADS))
        while some := list(itertools.islice(everything, _AT_ONCE)):
            async with asyncio.TaskGroup() as publishing:
                for entity, message in some:
                    publishing.create_task(tell(entity, message))
        await measure(bus)


async def measure(bus: mwbus.Connection) -> None:
    """The large mesh's traffic, of the last minutes."""
    members = [workload(number) for number in range(WORKLOADS)]
    calls = edges(EDGES, random.Random(1), members, BOUNDS[::4])
    subject = subjects.fill(subjects.METRICS, workspace="default", origin="example", mesh="large")
    for number in range(_WINDOWS):
        start = now() - datetime.timedelta(seconds=SECONDS * (_WINDOWS - number))
        window = EdgesMeasured(mesh="large", start=start, seconds=SECONDS, edges=calls[number::_WINDOWS])
        await bus.publisher.publish(subject, window, timeout=_PATIENCE_S)


def is_read(url: str, headers: dict[str, str]) -> bool:
    """Whether the views show all of it. Raises httpx.TransportError."""

    def ask(path: str, **params: str | int) -> Any:
        return httpx.get(f"{url}{path}", params=params, headers=headers, timeout=30).json()

    counts = [ask(f"/v1/{kind}", total="true", page_size=1).get("total") for kind in ("workloads", "proxies")]
    windows = ask("/v1/meshes/large/metrics", limit=2 * _WINDOWS).get("items", [])
    return counts == [EVERYTHING] * 2 and sum(len(each["edges"]) for each in windows) == EDGES
