"""The Consul adapter: one object, on which the modules beside this one register what it can do."""

from collections.abc import AsyncIterator

from meshwright.adapters.consul import connecting
from meshwright.adapters.consul.analysis import analyzers
from meshwright.adapters.consul.control_plane.api import headers
from meshwright.adapters.consul.importing import importers
from meshwright.adapters.consul.options import Options
from meshwright.adapters.consul.statistics.proxies import TRAFFIC
from meshwright.adapters.consul.target import ConsulTarget
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Servers
from meshwright.schemas.connections import Consul

adapter = kit.Adapter(
    "consul",
    meshes=["consul"],
    contract=2,
    version="0.1.0",
    settings=Options,
    proofs=kit.proofs(__package__),
    target=ConsulTarget,
    connections=[Consul],
    analyzers=analyzers,
    importers=importers,
    traffic=TRAFFIC,
)

adapter.connection_test(connecting.test)


@adapter.service
async def serve(runtime: kit.Runtime) -> AsyncIterator[Servers[Consul]]:
    """Keep a client of each server beside the commands."""
    async with Servers(runtime, Consul, headers) as servers:
        yield servers
