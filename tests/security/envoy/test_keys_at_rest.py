"""Private keys on the bus: sealed from the first, and replaced when a former version left them open."""

import asyncio
import base64
import datetime
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from meshwright.adapters.envoy.dataplane.fleet import Fleet
from meshwright.adapters.envoy.pki.authorities import Authorities
from meshwright.adapters.envoy.pki.issuing import Authority
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.security import sealing
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas.operations import InstallMesh, enrolling
from meshwright.schemas.workloads import ProxyObserved, WorkloadSpec
from rig.stack.envoy_mesh import App
from rig.stack.stack import stack

pytestmark = [pytest.mark.servers]
KEY = "default.m1"


def traces(authority: Authority) -> list[bytes]:
    """The forms in which a private key would be found in a file."""
    key = load_pem_private_key(authority.key.encode(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    number = key.private_numbers().private_value.to_bytes(32, "big")  # type: ignore[union-attr]  # an EC key
    return [b"PRIVATE KEY", der, authority.key.splitlines()[2].encode(), number, base64.b64encode(number)[:40]]


def holding(folder: Path, wanted: list[bytes]) -> list[Path]:
    """The files under a folder in which one of these stands."""
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files
    return [each for each in files if any(trace in each.read_bytes() for trace in wanted)]


async def opened(bus: mwbus.Connection, key_file: Path) -> Authorities:
    """The authorities, opened with the key file."""
    runtime = kit.Runtime(bus, "envoy", "looker", key_file.parent, sealing.from_file(key_file))
    return Authorities(await runtime.bucket("secrets"), runtime)


async def test_neither_server_stores_a_private_key(tmp_path: Path) -> None:
    """With a running mesh, no file of NATS or MongoDB contains a private key of any authority, as text, DER or
    number.
    """
    async with stack(tmp_path) as parts:
        parts.start("meshwright-scheduler", name="scheduler")
        parts.start("meshwright-adapter", "envoy", name="adapter", envoy_keep_sidecars="false")
        await parts.adapter("envoy")
        (await parts.http.put("/v1/connections/local", json={"kind": "envoy-fleet"})).raise_for_status()
        await succeeded(parts, "/v1/meshes", {"id": "demo", "connection": "local"})
        workloads = {"workloads": [{"name": "web", "service": "web", "port": 9}]}
        await succeeded(parts, "/v1/meshes/demo/workloads", workloads)
        async with mwbus.connect(parts.nats.url, "looker") as bus:
            authorities = await opened(bus, tmp_path / "secret-keys")
            now = datetime.datetime.now(datetime.UTC)
            result = [await authorities.of_mesh("default", "demo", now), await authorities.of_control_plane(now)]
        await parts.nats.stop()
        await parts.mongo.stop()
        wanted = [trace for each in result for trace in traces(each)]
        assert holding(parts.nats.folder, wanted) == []
        assert holding(parts.mongo.folder, wanted) == []
        assert holding(parts.nats.folder, [b"default.demo"]), "the search finds what is there"


async def succeeded(parts: Any, path: str, body: dict[str, Any]) -> None:
    """Ask for an operation and wait for its end."""

    async def accepted() -> Any:
        answer = await parts.http.post(path, json=body)
        assert answer.status_code in (202, 404, 503), answer.text  # what was just made may not be seen yet
        return answer.json() if answer.status_code == 202 else None

    operation = await eventually(accepted)

    async def ended() -> bool:
        state = (await parts.http.get(f"/v1/operations/{operation['id']}")).json().get("state")
        assert state not in ("failed", "dead_lettered")
        return bool(state == "succeeded")

    await eventually(ended)


@pytest.fixture
async def sender(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Sender]:
    """A client that sends commands; sidecars that outlived their worker are stopped afterwards."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Sender(bus, "envoy")
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False):
        pass


async def test_an_authority_that_lay_open_is_replaced_without_a_failed_call(
    nats_server: NatsServer, sender: Sender, tmp_path: Path
) -> None:
    """A worker that finds what a former version wrote makes another authority, has all proxies trust both before it
    issues anything, and ends with the new one alone; calls through the sidecars succeed all the time."""
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    first_port = str(24_400 + lane * 400)
    async with App("reviews").serving() as app, httpx.AsyncClient(trust_env=False) as client:
        specs = [WorkloadSpec(name=name, service=name, port=app.port) for name in ("web", "reviews")]
        async with worker_process("envoy", nats_server.url, tmp_path, envoy_first_port=first_port) as first:
            for arguments in (InstallMesh(), enrolling(specs)):
                assert kinds(await sender.end(await sender.ask(arguments)))[-1] == "succeeded"
            port = await eventually(lambda: outbound(sender))
            await first.kill()
        authorities, bucket = await opened(sender.bus, tmp_path / "secret-keys"), await _bucket(sender.bus)
        former = await authorities.of_mesh("default", "m1", _now())
        written = {
            "key": former.key,
            "certificate": former.certificate,
            "join_secret": base64.b64encode(b"s" * 32).decode(),
        }
        await bucket.put(KEY, msgspec.json.encode(written))
        failed, done = list[int](), asyncio.Event()

        async def call() -> None:
            while not done.is_set():
                answer = await client.get(
                    f"http://127.0.0.1:{port}/", headers={"host": "reviews", "connection": "close"}
                )
                if answer.status_code != 200:
                    failed.append(answer.status_code)

        async def replaced() -> Authority | None:
            entry = await bucket.get(KEY)
            assert entry is not None
            if b"PRIVATE KEY" in entry.value:
                return None
            result = await authorities.of_mesh("default", "m1", _now())
            return result if result.former is None else None

        async with (
            worker_process("envoy", nats_server.url, tmp_path, envoy_first_port=first_port),
            asyncio.TaskGroup() as tasks,
        ):
            for _ in range(3):
                tasks.create_task(call())
            try:
                now = await eventually(replaced, timeout=60)
                assert now is not None and now.certificate != former.certificate and now.key != former.key
            finally:
                done.set()
        assert failed == []


async def outbound(sender: Sender) -> int | None:
    """Where `web` sends its calls, once its proxy is in step."""
    told = await sender.bus.last("EVENTS", "mw.evt.default.envoy.proxy.m1==web")
    message = told.message() if told else None
    details = message.proxy.details if isinstance(message, ProxyObserved) else None
    return details.outbound_port if details else None


async def _bucket(bus: mwbus.Connection) -> mwbus.Bucket:
    return await kit.Runtime(bus, "envoy", "looker", Path()).bucket("secrets")


def _now() -> Any:
    return datetime.datetime.now(datetime.UTC)
