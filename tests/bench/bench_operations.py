"""No-op operations end to end: POST, command, worker, events, projection; and their latency at a steady rate.

Everything runs on this machine's cores, this load generator included. Throughput counts from the first POST until
the last operation stands as succeeded in the views; latency from a POST's first byte to `succeeded` on SSE.
"""

import asyncio
import datetime
import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import uvloop

from bench.client import Lane, event_lines, lanes_closed
from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.meshes import Mesh, MeshObserved
from rig.stack.stack import Stack, stack

EXAMPLE = Path(__file__).parents[1] / "example"
OPERATIONS = 6000
LANES = 48
PER_SECOND = 100
SECONDS = 20
SUCCEEDED = "?type=dev.meshwright.operation.succeeded.v1"
BODY = msgspec.json.encode({"kind": "example.noop", "mesh": "bench"})


async def prepare(parts: Stack) -> None:
    """A worker of the example adapter, and a mesh for it."""
    parts.start("meshwright-adapter", "example_adapter:example", name="adapter")
    connection = {"id": "local", "kind": "envoy-fleet"}
    answer = await parts.http.put("/v1/connections/local", json=connection, headers={"If-None-Match": "*"})
    answer.raise_for_status()
    async with mwbus.connect(parts.nats.url, "example") as bus:
        mesh = Mesh(
            id="bench", kind="example", connection="local", adapter="example", state="ready",
            observed_at=datetime.datetime.now(datetime.UTC),
        )  # fmt: skip
        subject = subjects.fill(subjects.EVENTS, workspace="default", origin="example", entity="mesh", id="bench")
        await bus.publisher.publish(subject, MeshObserved(mesh=mesh))
    lane = await Lane.open(parts.port)

    async def accepted() -> bool:
        status, body = await lane.post("/v1/operations", BODY)
        if status != 202:
            raise RuntimeError(body.decode())
        return True

    await eventually(accepted, timeout=20)
    lane.close()


async def throughput(parts: Stack) -> float:
    """Operations per second."""
    lanes = [await Lane.open(parts.port) for _ in range(LANES)]
    numbers = iter(range(OPERATIONS))

    async def drive(lane: Lane) -> None:
        for _ in numbers:
            status, body = await lane.post("/v1/operations", BODY)
            assert status == 202, body

    async def all_succeeded(reader: asyncio.StreamReader) -> None:
        seen = 0
        while seen < OPERATIONS:
            seen += (await reader.readline()).startswith(b"id:")

    before = cpu_seconds(parts)
    began = time.perf_counter()
    with lanes_closed(lanes):
        async with event_lines(parts.port, SUCCEEDED) as reader, asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(drive(lane))
            group.create_task(all_succeeded(reader))
    told = time.perf_counter() - began
    async with mwbus.connect(parts.nats.url, "bench") as bus:
        last = (await bus.stream_bounds("EVENTS"))[1]

    async def projected() -> bool:
        return bool((await parts.http.get("/readyz")).json()["behind"] == 0)

    await eventually(projected, timeout=120)
    spent = time.perf_counter() - began
    print(f"  {OPERATIONS} operations, {last} events stored")
    print(f"  all succeeded on SSE after {told:.1f} s, all projected after {spent:.1f} s")
    used = {name: (cpu - before[name]) / OPERATIONS * 1e6 for name, cpu in cpu_seconds(parts).items()}
    print("  CPU µs per operation: " + ", ".join(f"{name} {cost:.0f}" for name, cost in used.items()))
    return OPERATIONS / spent


async def latency(parts: Stack) -> list[float]:
    """Milliseconds from POST to `succeeded` on SSE, sorted, at a steady open-loop rate."""
    lanes: asyncio.Queue[Lane] = asyncio.Queue()
    for _ in range(16):
        lanes.put_nowait(await Lane.open(parts.port))
    began: dict[str, float] = {}
    ended: dict[str, float] = {}

    async def ask(due: float) -> None:
        lane = await lanes.get()
        status, body = await lane.post("/v1/operations", BODY)
        lanes.put_nowait(lane)
        assert status == 202, body
        began[msgspec.json.decode(body)["id"]] = due

    async def listen(reader: asyncio.StreamReader) -> None:
        while len(ended) < PER_SECOND * SECONDS:
            line = await reader.readline()
            if line.startswith(b"data:"):
                ended[msgspec.json.decode(line[5:])["entity_id"]] = time.perf_counter()

    async with event_lines(parts.port, SUCCEEDED) as reader, asyncio.TaskGroup() as group:
        group.create_task(listen(reader))
        start = time.perf_counter()
        for number in range(PER_SECOND * SECONDS):
            due = start + number / PER_SECOND
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            group.create_task(ask(due))
    return sorted((ended[operation] - due) * 1000 for operation, due in began.items() if operation in ended)


def cpu_seconds(parts: Stack) -> dict[str, float]:
    """CPU that each process has used so far, this load generator included."""
    pids = {name: process.pid for name, process in parts.processes.items()}
    pids |= {"nats-server": parts.nats.pid, "mongod": parts.mongo.pid, "load": os.getpid()}
    fields = {name: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for name, pid in pids.items()}
    return {name: (int(result[11]) + int(result[12])) / os.sysconf("SC_CLK_TCK") for name, result in fields.items()}


def memory(pid: int) -> float:
    """Resident memory of a process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


async def measure(directory: Path, *, sync_always: bool) -> None:
    """Print throughput, latency and memory."""
    print("nats-server writes to its disk " + ("before it acknowledges (make up)" if sync_always else "by default"))
    async with stack(directory, nats=NatsServer(sync_always=sync_always)) as parts:
        await prepare(parts)
        rates = [await throughput(parts) for _ in range(3)]
        print(f"operations: {sorted(rates)[1]:.0f}/s end to end with all events projected (goal >= 1,000)")
        result = await latency(parts)
        p50, p99 = result[len(result) // 2], result[int(len(result) * 0.99)]
        print(f"latency at {PER_SECOND}/s: p50 {p50:.1f} ms, p99 {p99:.1f} ms (goal <= 15 and <= 50)")
        sizes = {name: memory(process.pid) for name, process in parts.processes.items()}
        parts_text = ", ".join(f"{name} {size:.0f}" for name, size in sizes.items())
        print(f"memory: {sum(sizes.values()):.0f} MiB resident ({parts_text}; goal <= 300)")


def main() -> None:
    """Run the benchmark, with both ways in which nats-server may write."""
    for sync_always in (False, True):
        with tempfile.TemporaryDirectory() as directory:
            try:
                uvloop.run(measure(Path(directory), sync_always=sync_always))
            except BaseException:
                for log in sorted(Path(directory).glob("*.log")):
                    sys.stderr.write(f"--- {log.name}\n{log.read_text()[-3000:]}\n")
                raise


if __name__ == "__main__":
    main()
