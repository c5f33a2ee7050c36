"""Messages that cannot be folded into a view are set aside and listed, and the others are folded."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import meshes, operations
from rig.load.ledgers import Ledger
from rig.stack.people import Person
from rig.stack.projections import publish_raw
from rig.stack.stack import TOKEN, Stack, working

pytestmark = [pytest.mark.faults, pytest.mark.servers]
BROKEN = 30


async def meshwright(parts: Stack, *arguments: str) -> str:
    """What the command line says; it must succeed."""
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("meshwright"),
        *arguments,
        env={**os.environ, "MESHWRIGHT_API_URL": str(parts.http.base_url), "MESHWRIGHT_TOKEN": TOKEN},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


async def test_messages_that_cannot_be_projected(tmp_path: Path, row: Any) -> None:
    """Broken messages among good ones are listed with their reasons by API and CLI, and the good ones are projected."""
    ledger = Ledger()
    async with working(tmp_path) as parts, mwbus.connect(parts.nats.url, "tester") as bus:
        admin = Person(parts.http, TOKEN, "default")
        base, succeeded = "mw.evt.default.tester", operations.OperationSucceeded.wire.name
        async with ledger.load(bus, admin):
            for number in range(BROKEN // 3):
                await publish_raw(bus, f"{base}.operation.{ids.fresh()}", b"\xff\xfe", succeeded)
                await publish_raw(bus, f"{base}.operation.nobody-{number}", b"{}", succeeded)
                await publish_raw(bus, f"{base}.mesh.m", b'{"mesh": 1}', meshes.MeshObserved.wire.name)
            last = (await bus.stream_bounds("EVENTS"))[1]
        await eventually(lambda: ledger.all_ended(bus))
        last = (await bus.stream_bounds("EVENTS"))[1]
        params = {"page_size": 20, "min_event": last}
        first = await eventually(lambda: admin.get("/v1/system/set-aside", params=params))
        second = await admin.get("/v1/system/set-aside", params={"page_token": first["next_page_token"]})
        items = first["items"] + second["items"]
        reasons = {one["reason"].partition(":")[0][:60] for one in items}
        done = [await admin.get(f"/v1/operations/{operation}") for operation in ledger.operations[-20:]]
        listed = msgspec.json.decode(await meshwright(parts, "projection", "set-aside", "-o", "json"))
        checked = await meshwright(parts, "check")
        viewer = await admin.token_of("viewer")
        await viewer.problem("GET", "/v1/system/set-aside", status=403, slug="forbidden")
    row.fault, row.injected, row.runs = "message cannot be projected", "not text, not an id, not its type", BROKEN
    row.lost = BROKEN - len({one["seq"] for one in items})
    row.note = "listed by GET /v1/system/set-aside, `meshwright projection set-aside`, and `meshwright check`"
    assert row.lost == 0
    assert len(reasons) >= 3, reasons
    assert {one["state"] for one in done} == {"succeeded"}
    assert len(listed) == BROKEN
    assert "meshwright projection set-aside" in checked
