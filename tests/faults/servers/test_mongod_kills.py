"""kill -9 of mongod, several times, under load on a whole stack."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending, store
from meshwright.core.store import comparing, kinds
from meshwright.core.testing.eventually import eventually
from rig.load.ledgers import Ledger
from rig.stack.people import Person
from rig.stack.projections import Projection, rebuilt_differences
from rig.stack.stack import TOKEN, working

pytestmark = [pytest.mark.faults, pytest.mark.servers]
KILLS = 6
ANSWERS_WITHIN = 8.0
"""seconds; promised are 2, the rest is for a busy machine"""
READS = ("/v1/operations", "/v1/connections", "/v1/events", "/v1/adapters")


async def read_on(admin: Person, reads: Ledger) -> None:
    """Read until cancelled."""
    while True:
        for path in READS:
            await reads.timed(admin, "GET", path)
        await asyncio.sleep(0.02)


async def more_accepted(ledger: Ledger, count: int) -> None:
    """Wait until so many more operations have been accepted."""
    enough = len(ledger.operations) + count
    await eventually(lambda: len(ledger.operations) >= enough)


async def test_mongod_is_killed_under_load(tmp_path: Path, row: Any) -> None:
    """Reads answer or are 503 soon and never 500, writes go on, and no acknowledged event is missing from the views."""
    ledger, reads, recoveries = Ledger(), Ledger(), []
    async with (
        working(tmp_path) as parts,
        mwbus.connect(parts.nats.url, "tester") as bus,
        store.connect(parts.mongo.url, parts.database, timeout=10) as database,
    ):
        admin = Person(parts.http, TOKEN, "default")
        projection = Projection(bus, database)
        reader = asyncio.create_task(read_on(admin, reads))
        async with ledger.load(bus, admin, publishers=6):
            for _ in range(KILLS):
                await more_accepted(ledger, 40)
                await parts.mongo.kill()
                await more_accepted(ledger, 80)
                await parts.mongo.start()
                begin, wanted = time.monotonic(), (await bus.stream_bounds("EVENTS"))[1]

                async def caught_up(wanted: int = wanted) -> bool:
                    return (await projection.views.position("EVENTS")).seq >= wanted

                await eventually(caught_up, timeout=40)
                recoveries.append(time.monotonic() - begin)
        await ending.end(reader)
        await projection.caught_up()
        await eventually(lambda: ledger.all_ended(bus))
        await projection.caught_up()
        balance = await ledger.balance(bus)
        first, last = await bus.stream_bounds("EVENTS")
        projected = await comparing.count(database, 1, kinds.EVENT_LOG)
        differences = await rebuilt_differences(parts.nats.url, parts.mongo.url, parts.database, 1, tmp_path)
        row.fault, row.injected, row.runs = "mongod killed", f"kill -9 x{KILLS} under load", KILLS
        row.lost, row.duplicated = balance.lost + last - first + 1 - projected, balance.twice
        row.recovery = max(recoveries)
        row.note = (
            f"{last} events; reads {dict(sorted(reads.answers.items()))}, slowest {reads.slowest_answer:.2f} s; "
            f"a rebuild differs in {len(differences)}"
        )
        assert set(reads.answers) <= {200, 503}
        assert set(ledger.answers) == {202}, "a write needs no database"
        assert reads.slowest_answer < ANSWERS_WITHIN
        assert row.recovery < 10
        assert (balance.is_even, projected, differences) == (True, last - first + 1, [])
