"""A server goes back in time: the power fails and what it had not yet written to its disk is gone, or somebody
restores an older copy of its folder.

Neither can be shown by a kill. How the power fails: the store lies on an ext4 of its own, which is told to drop all
that it has not written (EXT4_IOC_SHUTDOWN without a flush of its journal,
https://docs.kernel.org/admin-guide/ext4.html). Only root can do that.
"""

import asyncio
import fcntl
import os
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import generations
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer, NatsServer
from rig.load.ledgers import Ledger
from rig.load.listening import listening
from rig.stack.people import Person
from rig.stack.projections import rebuilt_differences
from rig.stack.stack import TOKEN, Stack, working

pytestmark = [pytest.mark.faults, pytest.mark.servers]
CUTS = 5
_SHUTDOWN, _NO_LOG_FLUSH = 0x8004587D, struct.pack("I", 2)


class Disk:
    """A disk that can lose its power."""

    def __init__(self, folder: Path) -> None:
        self._image = folder / "disk.img"
        self.folder = folder / "disk"

    def make(self) -> None:
        """Raises CalledProcessError where it cannot be made."""
        self.folder.mkdir()
        with self._image.open("wb") as image:
            image.truncate(512 * 2**20)
        subprocess.run(["mkfs.ext4", "-q", "-F", str(self._image)], check=True, capture_output=True)
        self.mount()

    def mount(self) -> None:
        """Have what is on it."""
        subprocess.run(["mount", "-o", "loop", str(self._image), str(self.folder)], check=True, capture_output=True)

    def unmount(self) -> None:
        """Unmount the file system after all its users have ended."""
        subprocess.run(["umount", str(self.folder)], check=True, capture_output=True)

    def sync(self) -> None:
        """Write all that is there by now."""
        subprocess.run(["sync", "-f", str(self.folder)], check=True)

    def cut(self) -> None:
        """From now on nothing reaches it, and what has not is gone."""
        place = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(place, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(place)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk for nats-server."""
    made = Disk(tmp_path)
    try:
        made.make()
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a disk that can lose its power cannot be made: {error}")
    yield made
    made.unmount()


async def power_fails(server: NatsServer | MongoServer, disk: Disk) -> None:
    """And comes back, but the server is not yet started."""
    process = psutil.Process(server.pid)
    process.suspend()  # it must not see the disk fail, and acknowledge what it could not write
    await eventually(lambda: process.status() == psutil.STATUS_STOPPED)
    disk.cut()
    await server.kill()
    await asyncio.to_thread(disk.unmount)
    await asyncio.to_thread(disk.mount)


@asynccontextmanager
async def at_work(nats: NatsServer, directory: Path) -> AsyncIterator[tuple[Stack, mwbus.Connection]]:
    """A Meshwright on that server, and a connection to it."""
    async with (
        working(directory, nats=nats, MESHWRIGHT_STREAMS_GIB="0.2") as parts,
        mwbus.connect(nats.url, "tester") as bus,
    ):
        yield parts, bus


async def more(ledger: Ledger, count: int) -> None:
    """Waits until so many more operations were accepted."""
    wanted = len(ledger.operations) + count
    await eventually(lambda: len(ledger.operations) >= wanted, timeout=60)


async def goes_on(parts: Stack, bus: mwbus.Connection, ledger: Ledger, row: Any) -> int:
    """Start nats-server, and see that what is acknowledged from then on is kept, ended and shown.

    How much of what was acknowledged before is lost.
    """
    admin = Person(parts.http, TOKEN, "default")
    begin = time.monotonic()
    await parts.nats.start()
    later = Ledger()
    async with later.load(bus, admin):
        await more(later, 20)
        row.recovery = max(row.recovery or 0.0, time.monotonic() - begin)
        await more(later, 100)
    await eventually(lambda: later.all_ended(bus), timeout=30, interval=0.5)
    balance = await later.balance(bus)
    assert balance.is_even, balance
    lost = (await ledger.balance(bus)).lost
    ledger.operations += later.operations
    ledger.events |= later.events
    return lost


async def is_live(parts: Stack, generation: int) -> bool:
    """Whether these views are the ones that are read."""
    async with store.connect(parts.mongo.url, parts.database, timeout=10) as database:
        return await generations.live(database) == generation


async def differences(parts: Stack, generation: int) -> list[str]:
    """How the views differ from what a rebuild makes of the streams."""
    return await rebuilt_differences(
        parts.nats.url, parts.mongo.url, parts.database, generation, parts.folder, timeout=60
    )


async def test_with_sync_always_nothing_acknowledged_is_lost(disk: Disk, tmp_path: Path, row: Any) -> None:
    """What `make up` sets and every server alone must have: the power fails, and each acknowledgement still holds."""
    ledger, nats = Ledger(), NatsServer(disk.folder / "nats", sync_always=True)
    async with at_work(nats, tmp_path / "stack") as (parts, bus):
        admin = Person(parts.http, TOKEN, "default")
        for _ in range(CUTS):
            async with ledger.load(bus, admin):
                await more(ledger, 60)
                await power_fails(nats, disk)
            row.lost += await goes_on(parts, bus, ledger, row)
        balance = await ledger.balance(bus)
        row.fault, row.injected, row.runs = "power cut, sync always", "un-synced data dropped under load", CUTS
        row.duplicated = balance.twice
        row.note = f"{len(ledger.events)} events, {len(ledger.operations)} operations"
        assert balance.is_even, balance
        assert row.lost == 0
        assert await is_live(parts, 1), "a rebuild was needed"
        assert not await differences(parts, 1)


async def test_what_the_server_lost_is_noticed(disk: Disk, tmp_path: Path, row: Any) -> None:
    """Without `sync_interval: always` a power cut loses acknowledged messages; every reader detects it."""
    ledger, nats = Ledger(), NatsServer(disk.folder / "nats")
    row.fault, row.injected, row.runs = "power cut, default sync", "un-synced data dropped under load", 1
    async with (
        at_work(nats, tmp_path / "stack") as (parts, bus),
        noticed(parts, bus, ledger, row),
        ledger.load(bus, Person(parts.http, TOKEN, "default")),
    ):
        await more(ledger, 60)
        await asyncio.to_thread(disk.sync)
        await more(ledger, 100)
        await power_fails(nats, disk)


async def test_the_database_loses_no_view(disk: Disk, tmp_path: Path, row: Any) -> None:
    """The power fails under mongod: the projector goes on from a checkpoint that what was written keeps up with."""
    ledger, mongo = Ledger(), MongoServer(disk.folder / "mongo")
    row.fault, row.injected, row.runs = "power cut, mongod", "un-synced data dropped under load", CUTS
    async with working(tmp_path / "stack", mongo=mongo) as parts, mwbus.connect(parts.nats.url, "tester") as bus:
        async with ledger.load(bus, Person(parts.http, TOKEN, "default")):
            for _ in range(CUTS):
                await more(ledger, 60)
                await power_fails(mongo, disk)
                begin = time.monotonic()
                await mongo.start()
                await parts.ready()
                row.recovery = max(row.recovery or 0.0, time.monotonic() - begin)
        balance = await ledger.balance(bus)
        row.lost, row.duplicated = balance.lost, balance.twice
        result = await differences(parts, 1)
        row.note = f"{len(ledger.events)} events; a rebuild differs in {len(result)} documents"
        assert not result
        assert (balance.lost, balance.twice) == (0, 0)


async def test_an_older_copy_is_noticed(tmp_path: Path, row: Any) -> None:
    """The folder of nats-server is restored from a copy that was made some hundred operations ago."""
    ledger, nats = Ledger(), NatsServer(tmp_path / "nats")
    row.fault, row.injected, row.runs = "older copy restored", "the folder of nats-server", 1
    async with at_work(nats, tmp_path / "stack") as (parts, bus), noticed(parts, bus, ledger, row):
        admin = Person(parts.http, TOKEN, "default")
        async with ledger.load(bus, admin):
            await more(ledger, 60)
        await nats.copy_to(tmp_path / "copy")
        async with ledger.load(bus, admin):
            await more(ledger, 100)
            await nats.go_back_to(tmp_path / "copy")


@asynccontextmanager
async def noticed(parts: Stack, bus: mwbus.Connection, ledger: Ledger, row: Any) -> AsyncIterator[None]:
    """nats-server loses messages in the block. Afterwards the views are rebuilt from the streams, clients are
    reset, and all readers continue.
    """
    async with listening(str(parts.http.base_url), TOKEN, "default") as listener:
        yield
        lost = await goes_on(parts, bus, ledger, row)
        assert lost > 0, "nothing was lost, so nothing is shown"
        await eventually(lambda: is_live(parts, 2))
        row.note = f"{lost} acknowledged are gone, as expected; told to clients, views made anew"
        assert "rewound" in [data["reason"] for _, event, data in listener.frames if event == "reset"]
    assert not await differences(parts, 2)
    for name in ("projector", "api"):
        log = (parts.folder / f"{name}.log").read_text()
        assert "was read from it before" in log, f"the {name} does not say it"
        assert "Traceback" not in log
