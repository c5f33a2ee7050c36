"""A nats-server with the users of production, an attacker with the credentials of one of them, and the owner.

Invariant: the attacker does only what any NATS client can do; the owner reports the result.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import dialing
from meshwright.core.bus.client.nats_client import NatsClient
from meshwright.core.testing import identities
from meshwright.core.testing.servers import NatsServer


class Intruder:
    """A client of one component. What the server refused is in `refusals`."""

    def __init__(self, client: NatsClient) -> None:
        self.client = client
        self.refusals: list[str] = []

    async def send(self, subject: str, payload: bytes = b"{}", reply: str = "", **headers: str) -> bool:
        """Whether the server let it pass."""
        before = len(self.refusals)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        await self.client.publish(subject, payload, reply=reply, headers=named or None)
        await self._answered()
        return len(self.refusals) == before

    async def listen(self, subject: str) -> bool:
        """Whether the server let it listen."""
        before = len(self.refusals)
        subscription = await self.client.subscribe(subject)
        await self._answered()
        passed = len(self.refusals) == before
        if passed:
            await subscription.unsubscribe()
        return passed

    async def _answered(self) -> None:
        for _ in range(2):  # the client's first ping may go ahead of what it has just been given
            await self.client.flush()


class Site:
    """The server; `owner` may do everything."""

    def __init__(self, server: NatsServer, owner: mwbus.Connection, folder: Path) -> None:
        self.server = server
        self.owner = owner
        self._folder = folder

    def file(self, component: str) -> Path:
        """The credentials of a component."""
        return identities.credentials_file(component, self._folder)

    @asynccontextmanager
    async def intruder(self, component: str) -> AsyncIterator[Intruder]:
        """An attacker with a component's credentials."""
        client = await dialing.dial(self.server.address, component, 5.0, self.file(component))
        result = Intruder(client)

        async def refused(error: Exception) -> None:
            result.refusals.append(str(error))

        client._error_cb = refused
        try:
            yield result
        finally:
            await dialing.disconnect(client)

    @asynccontextmanager
    async def component(self, name: str) -> AsyncIterator[mwbus.Connection]:
        """A component at its work."""
        async with mwbus.connect(self.server.address, name, credentials_file=self.file(name)) as bus:
            yield bus

    async def holds(self, stream: str) -> int:
        """How many messages a stream has."""
        return int((await self.owner.js.stream_info(stream)).state.messages)


@pytest.fixture
async def site(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Site]:
    """A server that is set up."""
    await identities.provision(nats_server.url)
    async with mwbus.connect(nats_server.url, "owner") as owner:
        yield Site(nats_server, owner, tmp_path)
