"""A local stack whose disk was full: it stores again by itself."""

import asyncio
import io
import os
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.machine import processes
from meshwright.core.security import nats_users
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import subjects
from meshwright.workers.local import parts, streams, supervising
from meshwright.workers.local.home import Home, Plan
from meshwright.workers.local.output import Output
from meshwright.workers.local.running import LocalStack
from meshwright.workers.local.supervising import Supervisor

pytestmark = [pytest.mark.servers]


async def test_nats_that_met_a_full_disk_is_restarted_once_there_is_room(small_disk: Path) -> None:
    """Not while the disk is full, and not a server that never met one; afterwards it stores, and nothing is lost."""
    home = Home(small_disk / "home")
    home.prepare()
    home.choose_streams_gib("0.02")
    chosen = home.choose_ports([], [])
    processes.write(home.record(parts.SUPERVISOR), processes.here(parts.SUPERVISOR))
    stack = LocalStack(home, Output(io.StringIO()))
    await streams.ensure_users(home)
    (nats,) = parts.servers(home, chosen, Plan(mongodb="mongodb://elsewhere/"))
    await stack.start(nats)
    api = nats_users.file(home.nats_users, subjects.API)
    first = stack.running()["nats-server"]
    keeping = asyncio.create_task(Supervisor(stack, [nats]).keep())
    try:
        async with mwbus.connect(nats.where, "api", credentials_file=api) as bus:
            storing = mwbus.Storing(bus)
            await storing.prove()
            room = os.statvfs(small_disk)
            ballast = small_disk / "ballast"
            await asyncio.to_thread(ballast.write_bytes, b"\0" * (room.f_bavail * room.f_frsize))

            async def refused() -> bool:
                try:
                    await storing.prove()
                except mwbus.BusUnavailable:
                    return True
                return False

            async def stores() -> bool:
                return not await refused()

            await eventually(refused)
            await asyncio.sleep(supervising.EVERY * supervising.LOOK_DEEPER_EVERY * 1.5)  # it had its chance
            assert processes.alive(first)
            await asyncio.to_thread(ballast.unlink)
            await eventually(stores)
        assert "disk was full" in supervising.notes(home)["nats-server"].why
        assert not processes.alive(first)
    finally:
        await ending.end(keeping)
        await stack.stop()
