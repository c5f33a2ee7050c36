"""kill -9 of nats-server, several times, under load on a whole stack."""

from pathlib import Path
from typing import Any

import pytest
from example_adapter import NoOp

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.testing.eventually import eventually
from rig.load.ledgers import Ledger, consumers
from rig.load.listening import listening
from rig.load.movement import Readers
from rig.stack.people import Person
from rig.stack.stack import TOKEN, working

pytestmark = [pytest.mark.faults, pytest.mark.servers, pytest.mark.timeout(300)]
KILLS = 50
MOVES_WITHIN = 10.0
"""seconds; promised are 3, the rest is for a busy machine"""


async def test_nats_server_is_killed_fifty_times(tmp_path: Path, row: Any) -> None:
    """Nothing acknowledged is missing, nothing is stored twice, and every reader goes on soon, without leaking any."""
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
        before = await consumers(bus)
        async with ledger.load(bus, admin):
            for _ in range(KILLS):
                await parts.nats.kill()
                await parts.nats.start()
                await readers.all_move()
        await eventually(lambda: ledger.all_ended(bus), timeout=30, interval=1)
        balance = await ledger.balance(bus)

        async def as_before() -> bool:
            return await consumers(bus) <= before

        row.fault, row.injected = "nats-server killed", f"kill -9 x{KILLS} under load"
        row.runs, row.lost, row.duplicated = KILLS, balance.lost, balance.twice
        row.recovery = max(readers.longest.values())
        row.note = (
            f"{len(ledger.events)} events, {len(ledger.operations)} operations; longest until moving: {readers.told}"
        )
        assert balance.is_even, balance
        assert row.recovery < MOVES_WITHIN
        await eventually(as_before, timeout=40, interval=0.5)
        assert listener.ids == sorted(set(listener.ids))
