"""The connections that a worker reads: the server's own copies, opened there alone, under its own account."""

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.bus.client import requesting, serving
from meshwright.core.kit.connections import Connections
from meshwright.core.security import connection_rules, connection_secrets, sealing
from meshwright.core.testing import identities
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.access import ResourceDeleted
from meshwright.schemas.base import Message
from meshwright.schemas.connections import (
    Connection,
    ConnectionSettings,
    ConnectionTest,
    ConnectionTestRequest,
    ConnectionWritten,
    ConnectionWrittenV1,
    Consul,
    EnvoyFleet,
    Secret,
    Url,
)
from meshwright.workers.host import answering

pytestmark = pytest.mark.servers
SECRET = "s3cret-token-of-nobody"
SEALER = sealing.Sealer([secrets.token_bytes(32)])
URL = "https://10.0.0.1:8501"


class Acme(ConnectionSettings, frozen=True, kw_only=True):
    """A kind of a third party."""

    kind: ClassVar[str] = "acme"
    url: Url = ""
    password: Secret = ""


@pytest.fixture
async def owner(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """Who may do everything, as the API in its place."""
    async with mwbus.connect(nats_server.url, "tester") as bus:
        yield bus


@pytest.fixture
async def worker(owner: mwbus.Connection, nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[mwbus.Connection]:
    """A worker with the credentials of the example adapter."""
    file = identities.credentials_file("adapter-example", tmp_path)
    async with mwbus.connect(nats_server.address, "adapter-example", credentials_file=file) as bus:
        yield bus


def reading(bus: mwbus.Connection, sealer: sealing.Sealer | None = SEALER, allow: str = "10.0.0.0/8") -> Connections:
    return Connections(bus, [Consul, EnvoyFleet, Acme], sealer, connection_rules.rules(allow, ""))


def written(name: str = "prod", kind: str = "consul", token: str = SECRET, key: str = "token") -> ConnectionWritten:
    sealed = connection_secrets.seal(SEALER, {f"/{key}": token}, "blue", name) if token else None
    document = Connection(id=name, kind=kind, settings={"url": URL}, credentials=[f"/{key}"])
    return ConnectionWritten(document=document, sealed=sealed, principal="ann")


async def store(owner: mwbus.Connection, message: Message, name: str = "prod", workspace: str = "blue") -> int:
    subject = subjects.fill(subjects.STATE, workspace=workspace, kind="connection", id=name)
    return (await owner.publisher.publish(subject, message)).seq


async def refused(result: Connections, name: str = "prod", workspace: str = "blue") -> str:
    with pytest.raises(kit.Reject) as reject:
        await result.get(workspace, name)
    assert SECRET not in str(reject.value.failure)
    return reject.value.failure.code


async def test_a_worker_opens_what_was_sealed(owner: mwbus.Connection, worker: mwbus.Connection) -> None:
    """At once after the write, typed, and never shown by its own text."""
    for token in (SECRET, f"{SECRET}-2"):
        seq = await store(owner, written(token=token))
        answer = await reading(worker).get("blue", "prod", seq)
        assert answer.settings == Consul(url=URL, token=token)
        assert SECRET not in f"{answer!r} {answer}"
    await store(owner, written("own", "acme", key="password"), "own")
    assert (await reading(worker).get("blue", "own")).settings == Acme(url=URL, password=SECRET)
    document = Connection(id="old", kind="envoy-fleet")
    await store(owner, ConnectionWrittenV1(document=document, principal="ann"), "old")
    assert (await reading(worker).get("blue", "old")).settings == EnvoyFleet()


async def test_what_cannot_be_used_is_refused_with_a_reason(owner: mwbus.Connection, worker: mwbus.Connection) -> None:
    """One that is missing, removed, of a kind that is not served, sealed by another key, moved, or led inside."""
    result = reading(worker)
    await store(owner, written())
    assert (await result.get("blue", "prod")).id == "prod"
    assert await refused(reading(worker, sealing.Sealer([secrets.token_bytes(32)]))) == "MW1013"
    assert await refused(reading(worker, None)) == "MW1013"
    assert await refused(reading(worker, allow="")) == "MW1014"
    await store(owner, written(), workspace="red")
    assert await refused(result, workspace="red") == "MW1013"
    await store(owner, ConnectionWritten(document=Connection(id="k", kind="kubernetes"), principal="ann"), "k")
    assert await refused(result, "k") == "MW1012"
    assert await refused(result, "nothing") == "MW1010"
    await store(owner, ResourceDeleted(kind="connection", id="prod", principal="ann"))
    assert await refused(result) == "MW1010"


async def test_a_worker_follows_connections_of_its_kinds(owner: mwbus.Connection, worker: mwbus.Connection) -> None:
    """Existing ones, then changes and removals; connections of other kinds are reported as missing."""
    await store(owner, written())
    await store(owner, ConnectionWritten(document=Connection(id="k", kind="kubernetes"), principal="ann"), "k")
    async with aclosing(reading(worker).follow()) as changes:
        first = [await anext(changes), await anext(changes)]
        assert [(one.id, one.connection is not None) for one in first] == [("prod", True), ("k", False)]
        await store(owner, written(token="other"))
        change = await anext(changes)
        assert change.connection is not None
        assert change.connection.settings == Consul(url=URL, token="other")
        await store(owner, ResourceDeleted(kind="connection", id="prod", principal="ann"))
        assert (await anext(changes)).connection is None


async def test_only_the_newest_of_each_connection_is_kept(owner: mwbus.Connection, worker: mwbus.Connection) -> None:
    """The stream for adapters holds one message a connection, whatever history STATE has, and nothing else."""
    for number in range(5):
        seq = await store(owner, written(token=f"t{number}"))
    design = subjects.fill(subjects.STATE, workspace="blue", kind="design", id="prod")
    await owner.publisher.publish(design, ResourceDeleted(kind="design", id="prod", principal="ann"))
    await reading(worker).get("blue", "prod", seq)
    assert (await owner.js.stream_info("CONNECTIONS")).state.messages == 1


async def test_a_worker_tests_a_connection(
    owner: mwbus.Connection, worker: mwbus.Connection, nats_server: NatsServer, tmp_path: Path
) -> None:
    """By request and reply it returns the identity used there; its refusal is reported as such; nothing is stored."""
    adapter = kit.Adapter("example", meshes=[], connections=[Consul])

    @adapter.connection_test
    async def test(_runtime: kit.Runtime, place: kit.OpenConnection[Any]) -> ConnectionTest:
        return ConnectionTest(ok=place.settings.token == SECRET, identity="anonymous")

    runtime = kit.Runtime(worker, "example", "w1", tmp_path, SEALER, connections=reading(worker))
    seq = await store(owner, written())
    before = await owner.stream_bounds("EVENTS")
    file = identities.credentials_file("api", tmp_path)
    async with (
        mwbus.connect(nats_server.address, "api", credentials_file=file) as api,
        serving.serving(worker, "example", "1.0.0", answering.endpoints(adapter, runtime, None, worker)),
    ):
        asked = msgspec.json.encode(ConnectionTestRequest(workspace="blue", connection="prod", seq=seq))
        answer = await requesting.request(api, "example", "test-connection", asked)
        result = msgspec.json.decode(answer, type=ConnectionTest)
        assert (result.ok, result.identity, result.worker) == (True, "anonymous", "w1")
        for payload in (b"{}", b"\xff", msgspec.json.encode(ConnectionTestRequest(workspace="blue", connection="no"))):
            with pytest.raises(requesting.ServiceRefused):
                await requesting.request(api, "example", "test-connection", payload)
    assert (await owner.stream_bounds("EVENTS"))[1] <= before[1] + 1
