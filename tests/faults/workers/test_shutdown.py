"""Each process gets SIGTERM under load and shuts down gracefully."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import catalog, subjects
from rig.stack.stack import Stack, stack

pytestmark = [pytest.mark.servers, pytest.mark.faults]
EXAMPLE = Path(__file__).parents[2] / "example"
GRACE = {"api": 3.0, "projector": 3.0, "scheduler": 3.0, "notifier": 5.0, "worker": 8.0}
"""seconds within which each has to be gone; a worker may finish what it runs"""


async def test_sigterm_to_each_process_under_load(tmp_path: Path, row: Any) -> None:
    """Every process ends with status 0 within its grace time, without a traceback; nothing acknowledged is lost."""
    row.fault, row.injected = "each process told to end under load", "SIGTERM twice to each, then started again"
    async with stack(tmp_path) as parts:
        parts.start("meshwright-scheduler", name="scheduler")
        parts.start("meshwright-notifier", name="notifier")
        parts.start("meshwright-adapter", "ledger_adapter:ledger", name="worker", worker_grace="5")
        await eventually(lambda: _connected(parts))
        accepted: list[str] = []
        load = asyncio.create_task(_load(parts, accepted))
        took: dict[str, float] = {}
        try:
            for name in [*GRACE, *GRACE]:
                await _more(accepted, 10)
                began = time.monotonic()
                assert await parts.processes[name].end(signal.SIGTERM) == 0, name
                took[name] = max(took.get(name, 0.0), time.monotonic() - began)
                parts.processes[name].start()
                await parts.ready()
                row.runs += 1
        finally:
            await ending.end(load)
        async with mwbus.connect(parts.nats.url, "test") as bus:
            await eventually(lambda: _all_ended(bus, accepted), timeout=60, interval=0.5)
            ends = await _ends(bus)
        seen = await eventually(lambda: _all_seen(parts, accepted), timeout=30, interval=0.5)
    row.lost = sum(operation not in ends for operation in accepted) + len(accepted) - seen
    row.duplicated = sum(max(ends.get(operation, 1) - 1, 0) for operation in accepted)
    row.recovery = max(took.values())
    row.note = f"{len(accepted)} operations; gone after " + ", ".join(f"{name} {s:.2f} s" for name, s in took.items())
    assert (row.lost, row.duplicated) == (0, 0)
    for name, seconds in took.items():
        assert seconds <= GRACE[name], name
        assert "Traceback" not in parts.processes[name].log.read_text(), name


async def _connected(parts: Stack) -> bool:
    return (await parts.http.put("/v1/connections/place", json={"kind": "envoy-fleet"})).is_success


async def _load(parts: Stack, accepted: list[str]) -> None:
    body = {
        "kind": "ledger.look",
        "mesh": "m1",
        "adapter": "ledger",
        "connection": "place",
        "arguments": {"pause": "200ms"},
    }
    while True:
        try:
            answer = await parts.http.post("/v1/operations", json=body)
        except httpx.TransportError:
            await asyncio.sleep(0.05)  # the API is restarting
            continue
        if answer.status_code == 202:
            accepted.append(answer.json()["id"])
        await asyncio.sleep(0.01)


async def _more(accepted: list[str], count: int) -> None:
    wanted = len(accepted) + count
    await eventually(lambda: len(accepted) >= wanted)


async def _ends(bus: mwbus.Connection) -> dict[str, int]:
    """How many terminal events each operation has."""
    result: dict[str, int] = {}
    last = (await bus.stream_bounds(subjects.EVENTS.stream))[1]
    async for batch in mwbus.tail(bus, subjects.EVENTS.stream, subject=subjects.fill(subjects.EVENTS), idle=True):
        for message in batch:
            if message.type in catalog.TERMINAL_TYPES:
                operation = subjects.parse(subjects.EVENTS, message.subject)["id"]
                result[operation] = result.get(operation, 0) + 1
        if not batch or batch[-1].seq >= last:
            return result
    return result


async def _all_ended(bus: mwbus.Connection, accepted: list[str]) -> bool:
    ends = await _ends(bus)
    return all(operation in ends for operation in accepted)


async def _all_seen(parts: Stack, accepted: list[str]) -> int:
    """How many accepted operations the views show as done, once the views have come to the head."""
    if (await parts.http.get("/readyz")).json()["behind"]:
        return 0
    shown: set[str] = set()
    token = ""
    while True:
        query = {"done": "true", "page_size": "500", "page_token": token}
        page = (await parts.http.get("/v1/operations", params=query)).json()
        shown |= {one["id"] for one in page["items"]}
        token = page["next_page_token"]
        if not token:
            return len(shown & set(accepted))
