"""The disk under nats-server is full: a small one of its own, which only root can mount."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from rig.load.ledgers import Ledger
from rig.stack.people import Person
from rig.stack.stack import TOKEN, working

pytestmark = [pytest.mark.faults, pytest.mark.servers]
LEFT = 3 * 2**20
"""bytes that are free when the load begins"""
REFUSES_WITHIN = 8.0
"""seconds; promised are 2, the rest is for a busy machine"""


async def test_the_disk_is_full(small_disk: Path, tmp_path: Path, row: Any) -> None:
    """Writes are 503 soon, reads go on; with space and a restart of the server everything moves and nothing is lost."""
    ledger, nats = Ledger(), NatsServer(small_disk / "nats")
    async with (
        working(tmp_path / "stack", nats=nats, MESHWRIGHT_STREAMS_GIB="0.04") as parts,
        mwbus.connect(nats.url, "tester") as bus,
    ):
        admin = Person(parts.http, TOKEN, "default")
        ballast = small_disk / "ballast"
        free = os.statvfs(small_disk)
        await asyncio.to_thread(ballast.write_bytes, b"\0" * (free.f_bavail * free.f_frsize - LEFT))

        async def refused() -> bool:
            path = f"/v1/connections/{ids.fresh().lower()}"
            answer = await admin.ask("PUT", path, {"kind": "envoy-fleet"}, expect=503)
            return bool(answer.headers["retry-after"])

        async with ledger.load(bus, admin):
            await eventually(refused, timeout=60, interval=0.2)
            begin = time.monotonic()
            assert await refused()
            slowest = time.monotonic() - begin
            assert (await admin.get("/v1/connections"))["items"]
            await nats.kill()
            await asyncio.to_thread(ballast.unlink)
            begin = time.monotonic()
            await nats.start()
            accepted = len(ledger.operations)
            await eventually(lambda: len(ledger.operations) > accepted + 20, timeout=60)
            row.recovery = time.monotonic() - begin
        await eventually(lambda: ledger.all_ended(bus), timeout=30, interval=0.5)
        balance = await ledger.balance(bus)
        row.fault, row.injected, row.runs = "the disk of nats-server is full", "64 MiB disk filled under load", 1
        row.lost, row.duplicated = balance.lost, balance.twice
        row.note = f"{len(ledger.events)} events, {len(ledger.operations)} operations; slowest 503 {slowest:.2f} s"
        assert slowest < REFUSES_WITHIN
        assert row.recovery < 30
        assert balance.is_even, balance
