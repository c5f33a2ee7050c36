"""Intent to data plane: from the POST of a traffic split until the last of 20 real Envoys has acknowledged it.

The end is the `wait` step's completion as it arrives on SSE: the control plane has the ACK of every proxy.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench.client import Lane, event_lines
from meshwright.core.testing.eventually import eventually
from rig.stack.stack import Stack, stack

PROXIES = 20
TIMES = 100


async def prepare(parts: Stack) -> None:
    """A mesh of 20 workloads behind real Envoys."""
    parts.start("meshwright-adapter", "envoy", name="adapter", envoy_keep_sidecars="false")
    connection = {"id": "local", "kind": "envoy-fleet"}
    await parts.http.put("/v1/connections/local", json=connection, headers={"If-None-Match": "*"})
    mesh = {"id": "bench", "connection": "local"}

    async def accepted() -> dict[str, Any]:
        answer = await parts.http.post("/v1/meshes", json=mesh)
        return answer.raise_for_status().json()  # type: ignore[no-any-return]  # an operation

    await ended(parts, (await eventually(accepted, timeout=20))["id"])
    workloads = [
        {"name": f"w{number}", "service": f"s{number // 2}", "version": f"v{number % 2 + 1}", "port": 9000 + number}
        for number in range(PROXIES)
    ]
    answer = await parts.http.post("/v1/meshes/bench/workloads", json={"workloads": workloads})
    await ended(parts, answer.raise_for_status().json()["id"])


async def ended(parts: Stack, operation: str) -> None:
    """Wait until an operation has succeeded."""

    async def told() -> bool:
        answer = (await parts.http.get(f"/v1/operations/{operation}")).json()
        assert answer.get("state") not in ("failed", "dead_lettered"), answer
        return bool(answer.get("state") == "succeeded")

    await eventually(told, timeout=60)


def design(number: int) -> bytes:
    """A split that differs from the one before."""
    weight = 90 if number % 2 else 50
    backends = [{"version": "v1", "weight": weight}, {"version": "v2", "weight": 100 - weight}]
    intents = [{"intent": "traffic-split", "service": "s0", "backends": backends}]
    return msgspec.json.encode({"id": "split", "intents": intents})


async def acknowledged(reader: asyncio.StreamReader, operation: str) -> float:
    """When all proxies had acknowledged."""
    while True:
        line = await reader.readline()
        if not line.startswith(b"data:"):
            continue
        event = msgspec.json.decode(line[5:])
        if event["entity_id"] != operation:
            continue
        assert not event["type"].endswith("operation.failed.v1"), event
        if event["data"].get("step") == "wait" and "result" in event["data"]:
            return time.perf_counter()


async def measure(directory: Path) -> None:
    """Print the percentiles."""
    async with stack(directory) as parts:
        await prepare(parts)
        lane = await Lane.open(parts.port)
        items = []
        async with event_lines(parts.port, "?entity=operation") as reader:
            for number in range(TIMES):
                saved = await parts.http.put(
                    "/v1/designs/split", content=design(number), headers=await condition(parts, "/v1/designs/split")
                )
                saved.raise_for_status()
                began = time.perf_counter()
                status, body = await lane.post("/v1/designs/split:apply", b'{"mesh": "bench"}')
                assert status == 202, body
                items.append((await acknowledged(reader, msgspec.json.decode(body)["id"]) - began) * 1000)
                await ended(parts, msgspec.json.decode(body)["id"])
        lane.close()
    items.sort()
    p50, p99 = items[len(items) // 2], items[int(len(items) * 0.99)]
    print(f"intent to {PROXIES} Envoys: p50 {p50:.0f} ms, p99 {p99:.0f} ms over {TIMES} splits (goal p99 <= 250)")


async def condition(parts: Stack, path: str) -> dict[str, str]:
    """The precondition that lets a PUT replace what stands there."""
    standing = await parts.http.get(path)
    etag = standing.headers.get("etag")
    return {"content-type": "application/json", **({"If-Match": etag} if etag else {"If-None-Match": "*"})}


def main() -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as directory:
        try:
            uvloop.run(measure(Path(directory)))
        except BaseException:
            for log in sorted(Path(directory).glob("*.log")):
                sys.stderr.write(f"--- {log.name}\n{log.read_text()[-3000:]}\n")
            raise


if __name__ == "__main__":
    main()
