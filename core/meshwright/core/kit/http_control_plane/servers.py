"""The servers that an adapter's worker has clients of, one for each connection.

Invariant: what is given is a client with the newest settings of its connection; the client before is closed when these
change, and who works with it is told that the server is away, tries again and goes on with the new one.
"""

import asyncio
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Generic, TypeVar

from meshwright.core.kit.runtime import Runtime
from meshwright.core.kit.server_client import ServerClient, connect
from meshwright.core.operations.outcomes import Reject
from meshwright.schemas.connections import Server
from meshwright.schemas.errors import Failure

S = TypeVar("S", bound=Server)


class Servers(Generic[S]):
    """The service of an adapter of such a mesh, or a part of it named `servers`.

    `headers` are those of every request to a server of these settings.

    @adapter.service
    async def service(runtime: Runtime) -> AsyncIterator[Servers[Consul]]:
        async with Servers(runtime, Consul, headers) as servers:
            yield servers
    """

    def __init__(self, runtime: Runtime, kind: type[S], headers: Callable[[S], Mapping[str, str]]) -> None:
        self._runtime = runtime
        self._kind = kind
        self._headers = headers
        self._open: dict[tuple[str, str], tuple[S, ServerClient]] = {}
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> "Servers[S]":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        async with self._opening:
            for _, client in self._open.values():
                await client.close()
            self._open.clear()

    async def get(self, workspace: str, connection: str) -> ServerClient:
        """The client of a connection, as it is now. Raises Reject, ServerRefuses, BusUnavailable."""
        settings = (await self._runtime.connection(workspace, connection)).settings
        if not isinstance(settings, self._kind):
            what = f"connection {connection} is of kind {settings.kind}, and not {self._kind.kind}"
            raise Reject(Failure(code="MW5305", what=what, remedy=f"Name a connection of kind {self._kind.kind}."))
        key = workspace, connection
        async with self._opening:
            known = self._open.get(key)
            if known and known[0] == settings:
                return known[1]
            client = await connect(settings, self._runtime.connections.reachable, self._headers(settings))
            self._open[key] = settings, client
            if known:
                await known[1].close()
            return client


def servers_of(service: Any) -> Servers[Any]:
    """The servers of an adapter's service. Raises TypeError."""
    servers = service if isinstance(service, Servers) else getattr(service, "servers", None)
    if not isinstance(servers, Servers):
        raise TypeError("the adapter's service must be `Servers`, or have them as its attribute `servers`")
    return servers
