"""A real worker of the Consul adapter with the credentials of one, and somebody who asks it for work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import requesting
from meshwright.core.security import connection_secrets, sealing
from meshwright.core.testing import identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Connection, ConnectionWritten
from meshwright.schemas.operations import Arguments
from testbed.consul import ConsulServer

CONNECTION = "local"
_WITHIN_S = 120.0


async def connect(bus: mwbus.Connection, directory: Path, url: str, token: str) -> None:
    """Store the connection `local`, its token sealed with the key that workers of this directory have."""
    sealer = await asyncio.to_thread(sealing.from_file, directory / "secret-keys")
    sealed = connection_secrets.seal(sealer, {"/token": token}, "default", CONNECTION)
    document = Connection(id=CONNECTION, kind="consul", settings={"url": url}, credentials=["/token"])
    subject = subjects.fill(subjects.STATE, workspace="default", kind="connection", id=CONNECTION)
    await bus.publisher.publish(subject, ConnectionWritten(document=document, sealed=sealed, principal="ann"))


class Mesh:
    """The mesh that a worker looks after."""

    def __init__(self, bus: mwbus.Connection, api: mwbus.Connection, name: str) -> None:
        """`api` asks with the API's own credentials, as previews are."""
        self.bus, self.name = bus, name
        self._asker, self.api = Sender(bus, "consul", CONNECTION), Sender(api, "consul", CONNECTION)

    async def do(self, arguments: Arguments) -> list[Message]:
        """Ask for an operation, which must succeed; its events."""
        events = await self.ask(arguments)
        assert kinds(events)[-1] == "succeeded", events[-1]
        return events

    async def ask(self, arguments: Arguments) -> list[Message]:
        """Ask for an operation; its events, however it ends."""
        operation = await self._asker.ask(arguments, mesh=self.name, seconds=_WITHIN_S)
        return await self._asker.end(operation, _WITHIN_S)


@asynccontextmanager
async def working(
    consul: ConsulServer, directory: Path, name: str = "prod", token: str = "", **settings: Any
) -> AsyncIterator[Mesh]:
    """A worker on a bus of its own, and the mesh of this name on the Consul."""
    credentials = identities.credentials_file(subjects.API, directory)
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(NatsServer(adapters=["consul"]))
        bus = await stack.enter_async_context(mwbus.connect(nats.url, "api"))
        await connect(bus, directory, consul.url, token or consul.token)
        worker = worker_process("consul", nats.url, directory, connection_allow="127.0.0.0/8", **settings)
        await stack.enter_async_context(worker)
        api = await stack.enter_async_context(mwbus.connect(nats.address, "api", credentials_file=credentials))
        await eventually(lambda: requesting.request(api, "consul", "info", b""), timeout=_WITHIN_S)
        yield Mesh(bus, api, name)
