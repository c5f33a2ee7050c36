"""A runtime with one connection, for what asks a Consul without a worker."""

import ipaddress
from typing import Any

from meshwright.adapters.consul.options import Options
from meshwright.core.kit.connections import OpenConnection
from meshwright.core.kit.security import ssrf
from meshwright.schemas.connections import Consul


class _Connections:
    reachable = ssrf.Policy(networks=(ipaddress.ip_network("127.0.0.0/8"),), ports=frozenset(range(1, 65536)))


class Runtime:
    """What the adapter uses of its worker's runtime."""

    adapter = "consul"
    connections = _Connections()

    def __init__(self, connected: Consul) -> None:
        self.connected = connected

    async def connection(self, workspace: str, connection: str) -> OpenConnection[Consul]:
        """The one that there is."""
        return OpenConnection(workspace=workspace, id=connection, kind="consul", settings=self.connected)

    def settings(self, kind: type[Any]) -> Any:
        """Nothing is set."""
        return kind() if kind is not Options else Options()
