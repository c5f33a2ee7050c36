"""The databases that a process uses: none without authentication, and none of another installation."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import store
from meshwright.core.store import kinds
from meshwright.core.testing.consoles import console
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.fixtures import MongoDatabase
from meshwright.core.testing.servers import MongoServer, NatsServer
from rig.stack.projections import Projection

pytestmark = pytest.mark.servers
PROGRAMS = ("meshwright-projector", "meshwright-api")


async def said_at_its_end(program: str, directory: Path, **settings: str) -> str:
    """What a process says that does not stay."""
    async with console(program, directory=directory, **settings) as process:
        async with asyncio.timeout(30):
            assert await process.process.wait() == 1
        return process.log.read_text()


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_server_that_lets_anybody_in_is_refused(
    program: str, nats_server: NatsServer, open_server: Any, tmp_path: Path
) -> None:
    """With the remedy, and without writing anything there."""
    settings = {"nats_url": nats_server.url, "mongodb_url": open_server.address, "mongodb_database": "meshwright"}
    said = await said_at_its_end(program, tmp_path, **settings, api_port="0")
    assert f"the MongoDB at 127.0.0.1:{open_server.port}" in said
    for words in (
        "admits anonymous clients",
        "make a user for each component",
        "MESHWRIGHT_MONGODB_ALLOW_ANONYMOUS=true",
    ):
        assert words in said
    assert "Traceback" not in said
    async with store.connect(open_server.address, "meshwright", timeout=10) as database:
        assert await database.collection_names() == []


async def test_it_is_used_when_somebody_says_so(nats_server: NatsServer, open_server: Any, tmp_path: Path) -> None:
    """With the setting it is used, and each start logs a warning."""
    settings = {"nats_url": nats_server.url, "mongodb_url": open_server.address, "mongodb_database": "meshwright"}
    async with (
        mwbus.connect(nats_server.url, "test") as bus,
        store.connect(open_server.address, "meshwright", timeout=10) as database,
        console("meshwright-projector", directory=tmp_path, **settings, mongodb_allow_anonymous="true") as projector,
    ):
        projection = Projection(bus, database)
        await projection.operation()
        await projection.caught_up()
        assert "WARNING" in projector.log.read_text()
        assert "admits anonymous clients, as MESHWRIGHT_MONGODB_ALLOW_ANONYMOUS permits" in projector.log.read_text()


async def test_the_database_of_another_installation_is_left_alone(
    nats_server: NatsServer, mongo_database: MongoDatabase, tmp_path: Path
) -> None:
    """Projector, rebuild and API refuse it and change nothing; under a name of its own each lives beside the other."""
    ours = {"nats_url": nats_server.url, "mongodb_url": mongo_database.url, "mongodb_database": mongo_database.name}
    async with (
        NatsServer() as other_nats,
        mwbus.connect(nats_server.url, "test") as bus,
        mwbus.connect(other_nats.url, "test") as other_bus,
        store.connect(mongo_database.url, mongo_database.name, timeout=10) as database,
        store.connect(mongo_database.url, f"{mongo_database.name}_other", timeout=10) as other_database,
        console("meshwright-projector", directory=tmp_path, **ours) as projector,
    ):
        projection, other = Projection(bus, database), Projection(other_bus, other_database)
        operation = await projection.operation()
        theirs = await other.operation()
        await projection.caught_up()
        theirs_settings = {**ours, "nats_url": other_nats.url}
        for program, arguments in (
            ("meshwright-projector", ()),
            ("meshwright-projector", ("rebuild",)),
            (PROGRAMS[1], ()),
        ):
            async with console(program, *arguments, directory=tmp_path, **theirs_settings, api_port="0") as process:
                async with asyncio.timeout(30):
                    assert await process.process.wait() == 1
            said = process.log.read_text()
            assert f"the database {mongo_database.name} holds the views of another Meshwright" in said
            assert "MESHWRIGHT_MONGODB_DATABASE" in said
            assert "Traceback" not in said
        settings = {**theirs_settings, "mongodb_database": f"{mongo_database.name}_other"}
        async with console("meshwright-projector", directory=tmp_path, **settings):
            await other.caught_up()
        for one, mine, not_mine in ((projection, operation, theirs), (other, theirs, operation)):
            assert await one.views.get(kinds.OPERATIONS, "default", mine) is not None
            assert await one.views.get(kinds.OPERATIONS, "default", not_mine) is None
        assert projector.process.returncode is None


async def test_an_api_ends_when_anothers_database_takes_the_place(alone: Any, mongo_server: MongoServer) -> None:
    """Nothing of it is shown: the process says why and goes."""
    await asyncio.to_thread(alone.start, "meshwright-projector")
    api: Any = await asyncio.to_thread(alone.start_api)
    async with httpx.AsyncClient(base_url=alone.url) as client:
        await eventually(lambda: _ready(client))
        async with store.connect(mongo_server.url, alone.database, timeout=10) as database:
            await database.collection("meta").update_one({"_id": "installation"}, {"$set": {"id": "another"}})
        await eventually(lambda: api.poll() is not None)
    assert api.poll() == 1
    projector: Any = alone.processes["meshwright-projector"]
    await eventually(lambda: projector.poll() is not None)
    for program in PROGRAMS:
        assert "holds the views of another Meshwright" in alone.log(program).read_text()
        assert "Traceback" not in alone.log(program).read_text()


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


CANARY = "c4n4ry-of-a-password"


@pytest.mark.parametrize("address", ["{}127.0.0.1:1/?directConnection=true", "{}127.0.0.1:port/", "{}[::1/"])
async def test_no_error_shows_a_password(address: str) -> None:
    """Whether the server is away or the address is none."""
    url = address.format(f"mongodb://ann:{CANARY}@")
    with pytest.raises(store.StoreError) as told:
        async with store.connect(url, "x", timeout=0.5) as database:
            await database.ping()
    assert CANARY not in f"{told.value!r} {told.value.__cause__!r}"


async def test_no_password_lies_where_others_look(alone: Any) -> None:
    """Not in an argument, the environment or the log of a process; only in files that their owner alone can read."""
    alone.start("meshwright-projector")
    await asyncio.to_thread(alone.start_api)
    async with httpx.AsyncClient(base_url=alone.url) as client:
        await eventually(lambda: _ready(client))
    files = list(alone.folder.glob("mongodb-*"))
    words = [file.read_text().strip().partition(":")[2].encode() for file in files]
    assert len(words) == 2
    places = [Path(f"/proc/{one.pid}/{name}") for one in alone.processes.values() for name in ("cmdline", "environ")]
    logs = [*alone.folder.glob("*.log"), alone.mongo.folder / "server.log"]
    for place in (*places, *logs):
        assert not any(word in place.read_bytes() for word in words), place
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
