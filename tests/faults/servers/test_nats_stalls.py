"""A nats-server that does not answer, and one that has no room left."""

import asyncio
import os
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from example_adapter import NoOp, Write

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from rig.load.ledgers import Ledger
from rig.load.listening import listening
from rig.load.movement import Readers
from rig.stack.people import Person
from rig.stack.stack import TOKEN, working

pytestmark = [pytest.mark.faults, pytest.mark.servers]
REFUSES_WITHIN = 8.0
"""seconds; promised are 2, the rest is for a busy machine"""
SERVER_IS_AWAY = {503, 0}


async def refused(admin: Person, method: str, path: str, body: object) -> float:
    """How many seconds the API took to answer 503 with Retry-After."""
    begin = time.monotonic()
    answer = await admin.ask(method, path, body, expect=503)
    assert int(answer.headers["retry-after"]) >= 1
    return time.monotonic() - begin


async def resize(bus: mwbus.Connection, stream: str, room: int) -> None:
    """Let a stream hold so many bytes more than it does."""
    info = await bus.js.stream_info(stream)
    info.config.max_bytes = info.state.bytes + room
    await bus.js.update_stream(info.config)


async def test_nats_server_is_paused(tmp_path: Path, row: Any) -> None:
    """While the server is stopped for 10 s writes are refused soon, reads go on; afterwards all moves, nothing lost."""
    ledger = Ledger()
    async with (
        working(tmp_path) as parts,
        mwbus.connect(parts.nats.url, "tester") as bus,
        store.connect(parts.mongo.url, parts.database) as database,
        listening(str(parts.http.base_url), TOKEN, "default") as listener,
    ):
        admin = Person(parts.http, TOKEN, "default")
        readers = Readers(bus, store.Views(database), listener, NoOp())
        await readers.all_move()
        readers.longest.clear()
        async with ledger.load(bus, admin):
            await eventually(lambda: len(ledger.events) > 300 and len(ledger.operations) > 20)
            os.kill(parts.nats.pid, signal.SIGSTOP)
            await eventually(lambda: psutil.Process(parts.nats.pid).status() == psutil.STATUS_STOPPED)
            until = time.monotonic() + 10
            refusals = []
            while time.monotonic() < until:
                refusals.append(await refused(admin, "PUT", "/v1/connections/during", {"kind": "envoy-fleet"}))
                assert (await admin.get("/v1/operations"))["items"] is not None
            os.kill(parts.nats.pid, signal.SIGCONT)
            await readers.all_move()
        await eventually(lambda: ledger.all_ended(bus), timeout=30, interval=0.5)
        balance = await ledger.balance(bus)
        row.fault, row.injected, row.runs = "nats-server paused", "SIGSTOP 10 s under load", 1
        row.lost, row.duplicated, row.recovery = balance.lost, balance.twice, max(readers.longest.values())
        row.note = f"slowest 503 {max(refusals):.2f} s; {len(ledger.events)} events; moving: {readers.told}"
        assert balance.is_even, balance
        assert max(refusals) < REFUSES_WITHIN
        assert row.recovery < 2 * REFUSES_WITHIN


async def test_a_stream_is_full(tmp_path: Path, row: Any) -> None:
    """A full EVENTS stops neither documents nor acceptance; a full COMMANDS or STATE is a 503; all move with new room.

    The worker whose journal is refused waits with its operation, so no delivery is used up.
    """
    ledger, lines = Ledger(), tmp_path / "lines"
    async with working(tmp_path) as parts, mwbus.connect(parts.nats.url, "tester") as bus:
        admin, sender = Person(parts.http, TOKEN, "default"), Sender(bus, "example")
        writing = await sender.ask(Write(path=str(lines), steps=4, pause="500ms"), seconds=90)
        await resize(bus, "EVENTS", 100_000)
        with pytest.raises(mwbus.BusFull):
            while True:
                await ledger.publish(bus, "filler")
        assert (await admin.put("/v1/connections/during", {"kind": "envoy-fleet"})).status_code == 201
        for _ in range(20):
            assert await ledger.ask(admin)
        slowest = await refused(admin, "POST", f"/v1/operations/{writing}:cancel", {})
        log = parts.processes["worker-0"].log
        await eventually(lambda: "waits for room" in log.read_text())
        for stream, method, path, body in (
            ("STATE", "PUT", "/v1/connections/other", {"kind": "envoy-fleet"}),
            ("COMMANDS", "POST", "/v1/operations", {"kind": "example.noop", "mesh": "m", "adapter": "example",
                                                    "connection": "local"}),
        ):  # fmt: skip
            await resize(bus, stream, 0)
            slowest = max(slowest, await refused(admin, method, path, body))
        assert (await admin.get("/readyz"))["full"] == ["COMMANDS", "EVENTS", "STATE"]
        # Longer than the ack wait: the worker keeps its operations alive although it cannot tell of them.
        before = await bus.stream_bounds("EVENTS")
        await asyncio.sleep(5)
        assert await bus.stream_bounds("EVENTS") == before
        for stream in ("STATE", "COMMANDS", "EVENTS"):
            await resize(bus, stream, 10_000_000)
        begin = time.monotonic()
        await eventually(lambda: ledger.all_ended(bus))
        row.recovery = time.monotonic() - begin
        told = await sender.end(writing, timeout=30)
        assert kinds(told)[-1] == "succeeded"
        assert kinds(told).count("started") == 1, "the operation was delivered again while it waited"
        assert await ledger.ask(admin)
        await eventually(lambda: ledger.all_ended(bus))
        assert (await eventually(lambda: admin.get("/v1/connections/during")))["id"] == "during"
        # The server goes on copying what it accepted meanwhile, after a pause of its own choosing.
        await eventually(lambda: _is_even(ledger, bus), timeout=60, interval=0.5)
        copied = time.monotonic() - begin
        balance = await ledger.balance(bus)
        row.fault, row.injected, row.runs = "a stream is full", "EVENTS, then STATE and COMMANDS at their limit", 3
        row.lost, row.duplicated = balance.lost, balance.twice + len(lines.read_text().splitlines()) - 4
        row.note = (
            f"slowest 503 {slowest:.2f} s; {len(ledger.operations)} operations waited, copied {copied:.1f} s later"
        )
        assert balance.is_even, balance
        assert row.duplicated == 0
        assert slowest < REFUSES_WITHIN


async def _is_even(ledger: Ledger, bus: mwbus.Connection) -> bool:
    return (await ledger.balance(bus)).is_even
