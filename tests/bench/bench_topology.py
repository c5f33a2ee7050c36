"""The graph and the charts of a large mesh: 2,000 workloads and 6,000 edges, seconds and bytes of an answer.

A real mongod and the API as a process of its own; what the views hold is written into them directly, since a message of
the bus is too small for all edges with their histograms. The peer is reading the same documents with Motor, undecoded
and as they are. Spans are asked for twice: before the windows are rolled up and after it, with what that took beside
what writing the same windows took.
"""

import asyncio
import datetime
import random
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec

from meshwright.core import store
from meshwright.core.measurements import totals
from meshwright.core.store import checkpoints, generations, kinds
from meshwright.core.store.checkpoints import Checkpoint
from meshwright.core.store.traffic.pipelines import stored_totals
from meshwright.core.store.traffic.rolling_up import RollUps
from meshwright.core.store.writing import Batch, Folded, Writer
from meshwright.schemas.meshes import Mesh
from meshwright.schemas.telemetry import EdgesMeasured
from meshwright.schemas.workloads import Proxy, proxy_id
from rig.large_mesh import EDGES, SECONDS, WORKLOADS, edges, workload
from rig.stack.stack import Stack, stack

PROXIES = 10_000
WINDOWS = 360
_REPEATED = 5
_AT_ONCE = 500


NOW = datetime.datetime.now(datetime.UTC).replace(microsecond=0)


async def fill(database: store.Database, windows: int) -> None:
    """A mesh with its workloads, proxies, newest window, and older ones of a tenth of the edges."""
    chance = random.Random(1)
    members = [workload(number) for number in range(WORKLOADS)]
    proxies = [
        Proxy(
            id=proxy_id("large", one.namespace, f"p{number}"), mesh="large", namespace=one.namespace, name=f"p{number}",
            workload=one.id, state="rejected" if number % 1000 == 0 else "synced", error="no", observed_at=NOW,
        )
        for number in range(PROXIES)
        for one in [members[number % WORKLOADS]]
    ]  # fmt: skip
    mesh = Mesh(id="large", kind="istio", connection="c", adapter="istio", state="ready", observed_at=NOW)
    newest = EdgesMeasured(mesh="large", start=NOW, seconds=SECONDS, edges=edges(EDGES, chance, members))
    documents: list[tuple[Any, str, Any]] = [
        (kinds.MESHES, mesh.id, mesh),
        (kinds.TOPOLOGY, mesh.id, newest),
        *((kinds.WORKLOADS, each.id, each) for each in members),
        *((kinds.PROXIES, each.id, each) for each in proxies),
    ]
    folded = [Folded(kind, f"default/{key}", "default", 1, NOW, document) for kind, key, document in documents]
    writer = Writer(database, generations.FIRST)
    for begin in range(0, len(folded), _AT_ONCE):
        await writer.write(Batch(documents=folded[begin : begin + _AT_ONCE], rows={}, checkpoints=[]))
    some = edges(EDGES // 10, chance, members)
    plain, total = msgspec.to_builtins(some), stored_totals(totals.of_edges(some))
    began, own = time.perf_counter(), time.process_time()
    for number in range(1, windows + 1):
        start = NOW - datetime.timedelta(seconds=SECONDS * (windows - number))
        row = {
            "_id": number, "workspace": "default", "mesh": "large", "origin": "istio", "start": start,
            "seconds": SECONDS, "edges": plain, "total": total, "time": NOW,
        }  # fmt: skip
        await writer.write(Batch(documents=[], rows={kinds.METRIC_LOG: [row]}, checkpoints=[]))
    _tell("writing a window", began, own, windows)
    await checkpoints.advance(database, generations.FIRST, Checkpoint(stream="METRICS", seq=windows, time=NOW))


async def roll_up(database: store.Database, windows: int) -> None:
    """Add the windows to their minutes and hours."""
    began, own = time.perf_counter(), time.process_time()
    roll_ups = RollUps(database, generations.FIRST)
    while (taken := await roll_ups.take()) is not None:
        await roll_ups.add(taken)
    _tell("rolling it up", began, own, windows)


def _tell(what: str, began: float, own: float, windows: int) -> None:
    """How long a window took, and of that how much in this process."""
    took, cpu = time.perf_counter() - began, time.process_time() - own
    print(f"  {what:46} {took / windows * 1000:7.1f} ms  {cpu / windows * 1000:8.1f} ms CPU of this process")


async def ask(client: httpx.AsyncClient, what: str, path: str, **params: Any) -> None:
    """Prints how long an answer took, its size, and what is in it."""
    times = []
    for _ in range(_REPEATED):
        began = time.perf_counter()
        answer = await client.get(path, params=params)
        times.append(time.perf_counter() - began)
    assert answer.is_success, answer.text
    document = answer.json()
    inside = ", ".join(
        f"{len(document[name]):,} {name}"
        for name in ("nodes", "links", "edges", "points", "items")
        if document.get(name)
    )
    incomplete = "" if document.get("complete", True) else "  (not complete)"
    sent = int(answer.headers.get("content-length", 0))
    size = f"{len(answer.content) / 1024:8.0f} KiB, {sent / 1024:6.0f} sent"
    print(f"  {what:46} {statistics.median(times) * 1000:7.0f} ms  {size}  {inside}{incomplete}")


async def peer(database: store.Database) -> None:
    """The newest window and all workloads, read and not looked at."""
    times = []
    for _ in range(_REPEATED):
        began = time.perf_counter()
        await database.collection(generations.collection_name("topology", generations.FIRST)).find_one({})
        await database.collection(generations.collection_name("workloads", generations.FIRST)).find({}).to_list(None)
        times.append(time.perf_counter() - began)
    print(f"  {'reading the same documents with Motor':46} {statistics.median(times) * 1000:7.0f} ms")


async def run(directory: Path) -> None:
    """Fills the views and asks for everything."""
    async with stack(directory) as parts:
        async with store.connect(parts.mongo.url, parts.database, timeout=30) as database:
            await fill(database, WINDOWS)
            print(f"{WORKLOADS} workloads, {EDGES} edges, {PROXIES} proxies, {WINDOWS} windows of {EDGES // 10} edges:")
            await peer(database)
            print("as measured:")
            await spans(parts)
            await roll_up(database, WINDOWS)
            print("rolled up:")
            await spans(parts)
        await everything(parts)


async def spans(parts: Stack) -> None:
    """What is added up from many windows."""
    mesh, hour = "/v1/meshes/large", (NOW - datetime.timedelta(seconds=SECONDS * WINDOWS)).isoformat()
    await ask(
        parts.http,
        "topology of ten minutes",
        f"{mesh}/topology",
        since=(NOW - datetime.timedelta(minutes=10)).isoformat(),
    )
    await ask(parts.http, "topology of an hour", f"{mesh}/topology", since=hour)
    await ask(parts.http, "series of an hour", f"{mesh}/series", since=hour)
    await ask(
        parts.http, "series of an hour of one service", f"{mesh}/series", since=hour, service="team-01/service-0001"
    )


async def everything(parts: Stack) -> None:
    """Every answer, from the API."""
    mesh = "/v1/meshes/large"
    await ask(parts.http, "topology (grouped by the server)", f"{mesh}/topology")
    await ask(parts.http, "topology, one namespace expanded", f"{mesh}/topology", expand="team-00")
    await ask(parts.http, "topology by service", f"{mesh}/topology", group="service")
    await ask(parts.http, "topology by version", f"{mesh}/topology", group="version")
    await ask(parts.http, "overview", "/v1/overview")
    await ask(
        parts.http, "500 proxies of 10,000, searched and counted", "/v1/proxies", q="p9", page_size=500, total="true"
    )
    await ask(parts.http, "50 proxies sorted by version", "/v1/proxies", order_by="version", page_size=50)


def main() -> None:
    """Prints the table."""
    with tempfile.TemporaryDirectory(prefix="meshwright-bench-") as directory:
        asyncio.run(run(Path(directory)))


if __name__ == "__main__":
    main()
