"""Projectors of two versions during a rolling upgrade."""

import datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import generations, kinds
from meshwright.core.testing import mongo_users
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import workloads
from rig.stack.projections import Projection, publish_raw

pytestmark = [pytest.mark.faults, pytest.mark.servers]
NEWER = Path(__file__).with_name("newer_projector.py")
TURNS = 2
V2, V3 = workloads.WorkloadObserved.wire.name, "dev.meshwright.workload.observed.v3"
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


async def observe(projection: Projection, name: str, kind: str, zone: str) -> None:
    """The observation of an adapter of the next version: a further field, or a new type."""
    seen = workloads.Workload(
        id=name,
        mesh="m",
        connection="local",
        name=name,
        service="s",
        version="v1",
        address="::1",
        port=80,
        observed_at=NOW,
    )
    payload = msgspec.json.encode({"workload": {**msgspec.to_builtins(seen), "zone": zone}, "new": {"a": [1]}})
    await publish_raw(projection.bus, f"mw.evt.default.tester.workload.{name}", payload, kind)


async def zones(database: store.Database) -> dict[str, str]:
    """The zone of each workload in the live views."""
    name = generations.collection_name(kinds.WORKLOADS.name, await generations.live(database))
    rows = await database.collection(name).find({}).to_list(None)
    return {row["id"]: row.get("zone", "") for row in rows}


async def test_an_older_and_a_newer_projector_take_turns(
    nats_server: NatsServer, mongo_database: MongoDatabase, tmp_path: Path, row: Any
) -> None:
    """The older one does not stop at what it does not know, and the newer one puts it into the views afterwards."""
    settings = {
        "nats_url": nats_server.url,
        "mongodb_url": mongo_database.url,
        "mongodb_database": mongo_database.name,
    }
    settings |= mongo_users.settings("meshwright-projector", tmp_path, settings)  # the newer one has no command
    expected: dict[str, str] = {}
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(mongo_database.url, mongo_database.name, timeout=10) as database,
    ):
        projection = Projection(bus, database)

        async def tell(turn: str) -> None:
            for kind in (V2, V3):
                name = f"{turn}-{kind[-2:]}"
                await observe(projection, name, kind, f"zone-{name}")
                expected[name] = f"zone-{name}"
            await observe(projection, "always", V3, turn)
            expected["always"] = turn
            await projection.operations(20)

        async def as_told() -> bool:
            return await zones(database) == expected

        for turn in range(TURNS):
            async with console("meshwright-projector", directory=tmp_path, **settings) as older:
                await tell(f"older-{turn}")
                await projection.caught_up()
                assert await zones(database) != expected
                assert await older.stop() == 0
                assert "Traceback" not in older.log.read_text()
            async with console("python", str(NEWER), directory=tmp_path, **settings) as newer:
                await tell(f"newer-{turn}")
                await eventually(as_told)
                await projection.caught_up()
                assert await newer.stop() == 0
                assert "Traceback" not in newer.log.read_text()
        aside = await projection.views.set_aside()
        result = await zones(database)
    row.fault, row.injected, row.runs = "projectors of two versions", "in turns", 2 * TURNS
    row.lost = sum(result.get(name) != zone for name, zone in expected.items())
    row.note = f"generation {1 + TURNS} after {TURNS} upgrades, each rebuilt by itself"
    assert (row.lost, aside) == (0, [])
