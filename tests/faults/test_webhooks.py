"""Webhooks under fault: whatever process is killed, every subscribed event is delivered; a hanging endpoint delays
no other.
"""

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, ids
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import free_port
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed
from rig.stack.receiving import PROGRAM, receiving, recorded
from rig.stack.stack import Stack, stack

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(300)]
PAUSES = ",".join(["250ms"] * 40)
"""more tries than any outage of these tests lasts"""
ROUNDS = 4


class Load:
    """Publishes events one after the other, through every outage; `stored` says when each was acknowledged."""

    def __init__(self, bus: mwbus.Connection) -> None:
        self._bus = bus
        self.stored: dict[int, float] = {}

    async def event(self) -> int:
        """Publish one; its sequence."""
        subject = subjects.fill(
            subjects.EVENTS, workspace="default", origin="tester", entity="operation", id=ids.fresh()
        )
        ack = await self._bus.publisher.publish(subject, OperationProgressed(message="x" * 200), timeout=60)
        self.stored[ack.seq] = time.time()
        return ack.seq

    async def run(self) -> None:
        """About fifty a second, until cancelled."""
        while True:
            await self.event()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def loaded(bus: mwbus.Connection) -> AsyncIterator[Load]:
    """A load that runs beside the block."""
    load = Load(bus)
    task = asyncio.create_task(load.run())
    try:
        yield load
    finally:
        await ending.end(task)


async def subscribe(parts: Stack, name: str, url: str) -> None:
    """A webhook for operations."""
    body = {"url": url, "entities": ["operation"]}
    answer = await parts.http.put(f"/v1/webhooks/{name}", json=body)
    assert answer.status_code == 201, answer.text


async def arrival(file: Path, event: int) -> None:
    """Wait until the receiver has recorded an event."""
    await eventually(lambda: event in {call.seq for call in recorded(file)})


async def kill(parts: Stack, name: str) -> None:
    """End a process as a power cut would, and start it again."""
    await parts.processes[name].end(signal.SIGKILL)
    parts.processes[name].start()


async def kill_holder(bus: mwbus.Connection, parts: Stack) -> None:
    """Kill the active notifier, which is the one that holds the lease."""
    leases = await mwbus.open_bucket(bus, "mw_leases")
    by_pid = {str(parts.processes[name].pid): name for name in ("notifier", "standby")}

    async def holder() -> str | None:
        held = await leases.get("notifier")
        return by_pid.get(held.value.decode().split("-")[-2]) if held else None

    await kill(parts, str(await eventually(holder)))


async def delivered(parts: Stack, name: str) -> set[int]:
    """The events that the delivery log lists as delivered."""
    collected: set[int] = set()
    token = ""
    while True:
        params = {"state": "delivered", "page_size": "500", "page_token": token}
        page = (await parts.http.get(f"/v1/webhooks/{name}/deliveries", params=params)).json()
        collected |= {one["event"] for one in page["items"]}
        token = page["next_page_token"]
        if not token:
            return collected


async def delivered_all(parts: Stack, name: str, load: Load) -> bool:
    """Whether the delivery log lists the whole load as delivered."""
    return load.stored.keys() <= await delivered(parts, name)


async def test_every_event_arrives_whoever_is_killed(tmp_path: Path, row: Any) -> None:
    """kill -9 of the notifier, the receiver and nats-server under load loses no subscribed event."""
    file, port = tmp_path / "received", free_port()
    async with stack(tmp_path / "stack") as parts, mwbus.connect(parts.nats.url, "tester") as bus:
        for name in ("notifier", "standby"):
            parts.start("meshwright-notifier", name=name, webhook_pauses=PAUSES, webhook_timeout="2")
        command = ("-P", str(PROGRAM), str(port), str(file))
        parts.start(Path(sys.executable).name, *command, name="receiver")
        await subscribe(parts, "all", f"http://127.0.0.1:{port}/")

        async def kill_nats() -> None:
            await parts.nats.kill()
            await parts.nats.start()

        victims: dict[str, Callable[[], Awaitable[None]]] = {
            "notifier": lambda: kill_holder(bus, parts),
            "receiver": lambda: kill(parts, "receiver"),
            "nats-server": kill_nats,
        }
        longest = dict.fromkeys(victims, 0.0)
        async with loaded(bus) as load:
            for name, fault in [one for _ in range(ROUNDS) for one in victims.items()]:
                for _ in range(20):
                    await load.event()
                begin = time.monotonic()
                await fault()
                await arrival(file, await load.event())
                longest[name] = max(longest[name], time.monotonic() - begin)
        await eventually(lambda: load.stored.keys() <= {call.seq for call in recorded(file)}, timeout=60)
        await eventually(lambda: delivered_all(parts, "all", load), timeout=60)
    calls = [call.seq for call in recorded(file)]
    row.injected = f"kill -9 of notifier, receiver and nats-server, {ROUNDS} times each, under load"
    row.runs = len(load.stored)
    row.lost = len(load.stored.keys() - set(calls))
    row.duplicated = len(calls) - len(set(calls))
    row.recovery = max(longest.values())
    times = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in longest.items())
    row.note = f"at least once is the promise; longest wait: {times}"
    assert row.lost == 0


async def test_a_dead_endpoint_delays_nobody_else(tmp_path: Path, row: Any) -> None:
    """While one endpoint never answers, with more waiting for it than is read ahead, another gets all in time."""
    async with (
        stack(tmp_path / "stack") as parts,
        mwbus.connect(parts.nats.url, "tester") as bus,
        receiving() as healthy,
        receiving() as dead,
    ):
        parts.start("meshwright-notifier", name="notifier", webhook_timeout="30")
        dead.hang = True
        arrived: dict[int, float] = {}

        def note(call: Any) -> tuple[int, dict[str, str]]:
            arrived.setdefault(call.seq, time.time())
            return 204, {}

        healthy.answer = note
        await subscribe(parts, "dead", dead.url)
        await subscribe(parts, "healthy", healthy.url)
        load = Load(bus)
        for _ in range(700):
            await load.event()
        await eventually(lambda: load.stored.keys() <= arrived.keys())
        begin = time.monotonic()
        late = Load(bus)
        for _ in range(100):
            await late.event()
            await asyncio.sleep(0.02)
        await eventually(lambda: late.stored.keys() <= arrived.keys())
        waits = sorted(arrived[seq] - stored for seq, stored in late.stored.items())
        row.injected = "an endpoint that takes calls and never answers, 800 events waiting for it"
        row.runs = len(load.stored) + len(late.stored)
        row.lost = len((load.stored | late.stored).keys() - arrived.keys())
        row.duplicated = len(healthy.calls) - len(arrived)
        row.note = f"healthy endpoint: p50 {waits[50] * 1000:.0f} ms, p99 {waits[99] * 1000:.0f} ms after the store"
        assert len(dead.calls) <= 8  # as many calls as may be open at once, and no more
        assert waits[99] < 2.0
        assert time.monotonic() - begin < 30


async def test_an_endpoint_that_is_back_gets_what_it_missed(tmp_path: Path, row: Any) -> None:
    """After an outage a ping goes in front, and its success brings all that waits, long before the next try is due."""
    async with (
        stack(tmp_path / "stack") as parts,
        mwbus.connect(parts.nats.url, "tester") as bus,
        receiving() as endpoint,
    ):
        parts.start("meshwright-notifier", name="notifier", webhook_pauses=",".join(["1h"] * 7))
        endpoint.answer = lambda call: (503, {})
        await subscribe(parts, "back", endpoint.url)
        load = Load(bus)
        for _ in range(700):
            await load.event()
        await eventually(lambda: len(endpoint.calls) >= 512, timeout=60)  # it is full: nothing more is read
        endpoint.answer = lambda call: (204, {})
        begin = time.monotonic()
        answer = await parts.http.post("/v1/webhooks/back:test", json={})
        assert answer.status_code == 202, answer.text
        await eventually(lambda: endpoint.of("pinged"))
        ping = time.monotonic() - begin
        await eventually(lambda: delivered_all(parts, "back", load), timeout=60)
        row.injected = "an endpoint that answers 503 to 512 events, 188 more behind them"
        row.runs = len(load.stored)
        row.lost = len(load.stored.keys() - {call.seq for call in endpoint.calls})
        row.recovery = time.monotonic() - begin
        row.note = f"ping through after {ping * 1000:.0f} ms; the next try would have been due in an hour"
