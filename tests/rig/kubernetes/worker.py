"""A real worker of an adapter of Kubernetes meshes, with the credentials of one, and somebody who asks it for work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

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
from meshwright.schemas.connections import Connection, ConnectionWritten, Kubernetes
from meshwright.schemas.operations import Arguments

CONNECTION = "local"
_WITHIN_S = 120.0


async def connect(bus: mwbus.Connection, directory: Path, settings: Kubernetes) -> None:
    """Store the connection `local`, its kubeconfig sealed with the key that workers of this directory have."""
    sealer = await asyncio.to_thread(sealing.from_file, directory / "secret-keys")
    sealed = connection_secrets.seal(sealer, {"/kubeconfig": settings.kubeconfig}, "default", CONNECTION)
    document = Connection(id=CONNECTION, kind="kubernetes", credentials=["/kubeconfig"])
    subject = subjects.fill(subjects.STATE, workspace="default", kind="connection", id=CONNECTION)
    await bus.publisher.publish(subject, ConnectionWritten(document=document, sealed=sealed, principal="ann"))


def within(kubeconfig: str, namespace: str) -> str:
    """A kubeconfig of which the namespace is this one, so that documents need not name it."""
    document: Any = yaml.safe_load(kubeconfig)
    for each in document["contexts"]:
        each["context"]["namespace"] = namespace
    return yaml.safe_dump(document)


class Mesh:
    """The mesh that a worker looks after."""

    def __init__(self, sender: Sender, api: Sender, name: str) -> None:
        """`api` asks with the API's own credentials, as previews are."""
        self._asker, self.api, self.name = sender, api, name

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
    kubeconfig: str, directory: Path, name: str = "prod", *, adapter: str = "istio", **settings: Any
) -> AsyncIterator[Mesh]:
    """A worker on a bus of its own, with these settings, and the mesh of this name on the cluster."""
    credentials = identities.credentials_file(subjects.API, directory)
    async with AsyncExitStack() as stack:
        nats = await stack.enter_async_context(NatsServer(adapters=[adapter]))
        bus = await stack.enter_async_context(mwbus.connect(nats.url, "api"))
        await connect(bus, directory, Kubernetes(kubeconfig=kubeconfig))
        worker = worker_process(adapter, nats.url, directory, connection_allow="127.0.0.0/8", **settings)
        await stack.enter_async_context(worker)
        api = await stack.enter_async_context(mwbus.connect(nats.address, "api", credentials_file=credentials))
        await eventually(lambda: requesting.request(api, adapter, "info", b""), timeout=_WITHIN_S)
        yield Mesh(Sender(bus, adapter, CONNECTION), Sender(api, adapter, CONNECTION), name)
