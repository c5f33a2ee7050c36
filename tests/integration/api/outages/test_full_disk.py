"""When the disk under nats-server was full, `/readyz` reports that writes are not stored."""

import asyncio
import os
from pathlib import Path

import httpx
import pytest

from meshwright.core.testing import identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = [pytest.mark.servers]
WITHIN = 30.0


async def test_ready_means_that_writes_are_stored(small_disk: Path, alone: Stack) -> None:
    """Not ready while writes are refused: also when there is room again, until the server was restarted."""
    async with NatsServer(small_disk / "nats") as nats:
        await alone.nats.stop()
        alone.nats = nats
        await identities.provision(nats.url, gib=0.04)
        await asyncio.to_thread(alone.start_all)
        await _fill_and_free(alone, small_disk)


async def _fill_and_free(alone: Stack, disk: Path) -> None:
    admin = Person(httpx.AsyncClient(base_url=alone.url, timeout=30), TOKEN, "default")
    assert (await admin.get("/readyz"))["storing"]["ok"]
    room = os.statvfs(disk)
    ballast = disk / "ballast"
    await asyncio.to_thread(ballast.write_bytes, b"\0" * (room.f_bavail * room.f_frsize))

    async def write(expect: int) -> bool:
        return bool(await admin.ask("PUT", "/v1/connections/c", {"kind": "envoy-fleet"}, expect=expect))

    async def not_ready() -> bool:
        ready = await admin.get("/readyz", expect=503)
        return ready["bus"]["ok"] and "disk full" in ready["storing"]["detail"]

    await eventually(lambda: write(503), timeout=WITHIN)
    await eventually(not_ready, timeout=WITHIN)
    await asyncio.to_thread(ballast.unlink)
    await write(503)
    assert await not_ready()
    await alone.nats.restart()
    await eventually(lambda: admin.get("/readyz"), timeout=WITHIN)
    await eventually(lambda: write(201), timeout=WITHIN)
    await admin.client.aclose()
