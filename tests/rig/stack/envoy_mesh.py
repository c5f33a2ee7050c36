"""A small mesh of real Envoys: `web` calls `reviews` in two versions and `ratings`, each behind its sidecar."""

import asyncio
import contextlib
import json
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.adapters.envoy import adapter
from meshwright.adapters.envoy.dataplane import administration
from meshwright.adapters.envoy.options import Options
from meshwright.adapters.envoy.xds.control_plane import ControlPlane
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.machine import ports
from meshwright.core.security import sealing
from meshwright.core.testing import sending
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design, Preview
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.operations import ApplyDesign, Arguments, Command, InstallMesh, enrolling
from meshwright.schemas.workloads import WorkloadSpec

SEALER = sealing.Sealer([b"k" * 32])
WORKLOADS = (("web", "v1"), ("reviews", "v1"), ("reviews", "v2"), ("ratings", "v1"))


class App:
    """An HTTP server that says its name; `/fail` is 503, `/flaky` every third time 200, `/slow` takes a second, and
    `/endless` never comes to its end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.port = ports.choose(_first_port())
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._connections: set[asyncio.StreamWriter] = set()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["App"]:
        """Listen while the block runs."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            server.close()
            for writer in list(self._connections):
                writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                first, *lines = head.decode().split("\r\n")
                path = first.split(" ")[1]
                headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
                self.requests.append((path, headers))
                status = await self._status(path)
                text = self.name.encode()
                if path == "/endless":
                    writer.write(b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n")
                    continue
                writer.write(b"HTTP/1.1 %d X\r\ncontent-length: %d\r\n\r\n%s" % (status, len(text), text))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.discard(writer)
            writer.close()

    async def _status(self, path: str) -> int:
        if path == "/slow":
            await asyncio.sleep(1.0)
        if path == "/flaky":
            return 200 if sum(each == "/flaky" for each, _ in self.requests) % 3 == 0 else 503
        return 503 if path == "/fail" else 200


def to_plain(arguments: Arguments) -> Any:
    """As they arrive over the wire."""
    return msgspec.json.decode(msgspec.json.encode(arguments))


class EnvoyMesh:
    """The mesh `demo` and what tests do with it."""

    def __init__(self, bus: mwbus.Connection, runtime: kit.Runtime, options: Options) -> None:
        self.bus = bus
        self.runtime = runtime
        self.options = options
        self.apps: dict[str, App] = {}
        self.commands: dict[str, Command] = {}
        self.plane: ControlPlane
        self.client: httpx.AsyncClient

    def command(self, arguments: Arguments, **more: Any) -> Command:
        """The command that asks for an operation on the mesh."""
        usual = sending.command(
            adapter="envoy",
            mesh="demo",
            kind=arguments.kind.name,
            version=arguments.kind.version,
            arguments=to_plain(arguments),
        )
        return msgspec.structs.replace(usual, **more)

    async def do(self, arguments: Arguments, **more: Any) -> Any:
        """Run an operation as the host does, undoing it when it fails; its result."""
        command = self.command(arguments, **more)
        self.commands[command.operation] = command
        context = kit.Context(command, self.runtime, kit.Journal(self.bus, command), kit.Control(), self.plane)
        try:
            return await self.handle(context, arguments)
        except Exception:
            assert await context.undo_all()
            raise

    async def handle(self, context: kit.Context, arguments: Arguments) -> Any:
        """One attempt at an operation."""
        entry = adapter.operations[context.command.kind]
        return await entry.handler(context, msgspec.convert(to_plain(arguments), entry.arguments))

    async def preview(self, arguments: Arguments) -> Preview:
        """The preview of an operation, as the host returns it."""
        assert adapter.previewer is not None
        return await adapter.previewer(kit.PreviewContext(self.command(arguments), self.runtime, self.plane))

    async def apply(self, *intents: AnyIntent, name: str = "policy") -> Any:
        """Apply a design of these intents."""
        return await self.do(ApplyDesign(design=Design(id=name, intents=list(intents))))

    async def get(
        self,
        service: str,
        path: str = "/",
        *,
        by: str = "web-v1",
        headers: dict[str, str] | None = None,
        method: str = "GET",
    ) -> httpx.Response:
        """Call a service as a workload does: through its own sidecar. The path is sent as it is written."""
        state = self.plane.state("default", "demo")
        assert state is not None
        port = state.workloads[by].ports.outbound
        as_written = {"target": path.encode()}
        named = {"host": service, **(headers or {})}
        return await self.client.request(method, f"http://127.0.0.1:{port}/", headers=named, extensions=as_written)

    async def shares(self, service: str, count: int = 200, **more: Any) -> Counter[str]:
        """Who answers how many of so many requests."""
        return Counter([(await self.get(service, **more)).text for _ in range(count)])

    async def config_dump(self, workload: str) -> str:
        """What a workload's sidecar says that it was sent, endpoints included."""
        state = self.plane.state("default", "demo")
        assert state is not None
        async with httpx.AsyncClient(transport=administration.Transport(self.plane.fleet.directory)) as admin:
            answer = await admin.get(f"http://{state.node(workload)}/config_dump?include_eds")
        result = answer.json()["configs"]
        return json.dumps([each for each in result if "BootstrapConfigDump" not in each["@type"]])

    async def events(self, kind: type[Message]) -> list[Any]:
        """All events of that kind so far."""
        items: list[Any] = []
        seq = 1
        subject = f"mw.evt.default.envoy.{kind.wire.entity}.*"
        while received := await self.bus.following("EVENTS", seq, subject):
            seq = received.seq + 1
            if received.type == kind.wire.name:
                items.append(received.message())
        return items

    def specs(self) -> list[WorkloadSpec]:
        """The apps as workloads."""
        return [
            WorkloadSpec(
                name=f"{service}-{version}",
                service=service,
                version=version,
                port=self.apps[f"{service}-{version}"].port,
            )
            for service, version in WORKLOADS
        ]


def _first_port() -> int:
    """Where to look for free ports; test processes that run side by side look in different places."""
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    return 16_000 + lane * 1_500 + random.randrange(1_400)


@contextlib.asynccontextmanager
async def opened(directory: Path) -> AsyncIterator[EnvoyMesh]:
    """A running control plane and apps, but no mesh yet; its files are in the directory."""
    async with contextlib.AsyncExitStack() as stack:
        nats = await stack.enter_async_context(NatsServer())
        options = Options(first_port=_first_port(), keep_sidecars=False)
        bus = await stack.enter_async_context(mwbus.connect(nats.url, "adapter-envoy"))
        servers = kit.OwnServers(nats_url=nats.url)
        runtime = kit.Runtime(bus, "envoy", "tester", directory, SEALER, servers=servers)
        envoy_mesh = EnvoyMesh(bus, runtime, options)
        for service, version in WORKLOADS:
            name = f"{service}-{version}"
            envoy_mesh.apps[name] = await stack.enter_async_context(App(name).serving())
        envoy_mesh.plane = await stack.enter_async_context(ControlPlane.open(envoy_mesh.runtime, options))
        client = httpx.AsyncClient(trust_env=False, timeout=30)
        envoy_mesh.client = await stack.enter_async_context(client)
        yield envoy_mesh


@pytest.fixture
async def bare_envoy_mesh(tmp_path: Path) -> AsyncIterator[EnvoyMesh]:
    """A mesh's control plane and apps for one test."""
    async with opened(tmp_path) as result:
        yield result


@pytest.fixture
async def envoy_mesh(bare_envoy_mesh: EnvoyMesh) -> EnvoyMesh:
    """The mesh with all workloads enrolled and serving."""
    await bare_envoy_mesh.do(InstallMesh())
    await bare_envoy_mesh.do(enrolling(bare_envoy_mesh.specs()))
    return bare_envoy_mesh
