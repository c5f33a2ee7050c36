"""A workload that has left the mesh: its certificate, which lives for a day, is of no use any more."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import msgspec
import pytest
from envoy_data_plane.envoy.config.core.v3 import Node
from envoy_data_plane.envoy.service.discovery.v3 import DiscoveryRequest

from meshwright.adapters.envoy.resources import names
from meshwright.adapters.envoy.state import identity
from meshwright.schemas.operations import enrolling, withdrawing
from meshwright.schemas.workloads import WorkloadSpec

pytestmark = pytest.mark.servers
METHOD = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"


class Thief(msgspec.Struct):
    """An attacker with the stolen files of a workload's sidecar: its mesh certificate and the files beside its
    bootstrap.
    """

    folder: Path
    files: dict[str, bytes]

    def context(self) -> ssl.SSLContext:
        """As a caller inside the mesh."""
        result = ssl.create_default_context()
        result.check_hostname, result.verify_mode = False, ssl.CERT_NONE
        result.load_cert_chain(self.folder / "chain", self.folder / "key")
        return result

    def secret(self, name: str) -> Any:
        """One of the files."""
        return msgspec.json.decode(self.files[name])["resources"][0]


@pytest.fixture
async def thief(envoy_mesh: Any, tmp_path: Path) -> AsyncIterator[Thief]:
    """What `web-v1`'s sidecar holds, in other hands."""
    state = envoy_mesh.plane.state("default", "demo")
    pair = _pair(envoy_mesh.plane._certificates(state.node("web-v1")).content)
    (tmp_path / "chain").write_text(pair["certificate_chain"]["inline_string"])
    (tmp_path / "key").write_text(pair["private_key"]["inline_string"])
    yield Thief(tmp_path, await envoy_mesh.plane.files(state, "web-v1"))


def _pair(content: Any) -> Any:
    return next(each.body["tls_certificate"] for each in content.resources if each.name == names.IDENTITY)


async def test_its_old_certificate_opens_no_sidecar(envoy_mesh: Any, thief: Thief) -> None:
    """Before the withdrawal the certificate gets an answer; afterwards neither a new connection with it nor the one
    that was open does, while members are served on."""
    port = envoy_mesh.plane.state("default", "demo").workloads["ratings-v1"].ports.inbound
    async with httpx.AsyncClient(verify=thief.context(), trust_env=False) as kept:
        assert (await kept.get(f"https://127.0.0.1:{port}/")).text == "ratings-v1"
        await envoy_mesh.do(withdrawing(["web-v1"]))
        assert (await kept.get(f"https://127.0.0.1:{port}/")).status_code == 403
    async with httpx.AsyncClient(verify=thief.context(), trust_env=False) as again:
        assert (await again.get(f"https://127.0.0.1:{port}/")).status_code == 403
    assert len(envoy_mesh.apps["ratings-v1"].requests) == 1
    assert (await envoy_mesh.get("ratings", by="reviews-v1")).text == "ratings-v1"


async def test_its_old_credentials_open_no_stream(envoy_mesh: Any, thief: Thief) -> None:
    """The control plane gives it the configuration while it is a member, and ends the stream and refuses the next one
    when it is not."""
    async with _stream(envoy_mesh, thief) as call:
        await _ask(call)
        assert await call.read() is not grpc.aio.EOF
        await envoy_mesh.do(withdrawing(["web-v1"]))
        while await call.read() is not grpc.aio.EOF:
            pass
    async with _stream(envoy_mesh, thief) as call:
        await _ask(call)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await call.read()
    assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_whoever_is_enrolled_is_let_in_at_once(envoy_mesh: Any) -> None:
    """A new member is served by every sidecar as soon as its enrolment has succeeded, and no other is disturbed."""
    failed: list[int] = []
    done = asyncio.Event()

    async def call() -> None:
        while not done.is_set():
            status = (await envoy_mesh.get("ratings")).status_code
            if status != 200:
                failed.append(status)

    spec = WorkloadSpec(name="late-v1", service="late", port=envoy_mesh.apps["web-v1"].port)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(call())
        await envoy_mesh.do(enrolling([spec]))
        assert [(await envoy_mesh.get("ratings", by="late-v1")).status_code for _ in range(5)] == [200] * 5
        done.set()
    assert failed == []


@contextlib.asynccontextmanager
async def _stream(envoy_mesh: Any, thief: Thief) -> AsyncIterator[Any]:
    pair = thief.secret("control-plane-identity.json")["tls_certificate"]
    trusted = thief.secret("control-plane-authority.json")["validation_context"]["trusted_ca"]["inline_string"]
    secured = grpc.ssl_channel_credentials(
        trusted.encode(),
        pair["private_key"]["inline_string"].encode(),
        pair["certificate_chain"]["inline_string"].encode(),
    )
    options = [("grpc.ssl_target_name_override", identity.CONTROL_PLANE), ("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(f"127.0.0.1:{envoy_mesh.plane._port}", secured, options) as channel:
        yield channel.stream_stream(METHOD)()


async def _ask(call: Any) -> None:
    await call.write(bytes(DiscoveryRequest(type_url=names.CLUSTER, node=Node(id="default.demo.web-v1"))))
