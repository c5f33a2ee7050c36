"""The Consul adapter: one object, on which the modules beside this one register what it can do."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from meshwright.adapters.consul import connecting
from meshwright.adapters.consul.analysis import analyzers
from meshwright.adapters.consul.cluster import rights
from meshwright.adapters.consul.cluster.target import ClusterTarget
from meshwright.adapters.consul.control_plane.api import headers
from meshwright.adapters.consul.importing import importers
from meshwright.adapters.consul.options import Options
from meshwright.adapters.consul.statistics.proxies import TRAFFIC
from meshwright.adapters.consul.target import ConsulTarget
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Servers
from meshwright.core.kit.kubernetes import Clusters
from meshwright.schemas.connections import Consul, Kubernetes


class Target(kit.ConnectedTarget):
    """Where the resources of a Consul live: behind its API, or in the cluster in which it is."""

    choices = {Consul: ConsulTarget, Kubernetes: ClusterTarget}


class Services(NamedTuple):
    """What runs beside the commands."""

    servers: Servers[Consul]
    clusters: Clusters


adapter = kit.Adapter(
    "consul",
    meshes=["consul"],
    contract=2,
    version="0.1.0",
    settings=Options,
    proofs=kit.proofs(__package__),
    target=Target,
    namespaces=True,
    connections=[Consul, Kubernetes],
    rights=rights.RIGHTS,
    analyzers=analyzers,
    importers=importers,
    traffic=TRAFFIC,
)

adapter.connection_test(connecting.test)


@adapter.service
async def serve(runtime: kit.Runtime) -> AsyncIterator[Services]:
    """Keep a client of each server and of each cluster beside the commands."""
    async with Servers(runtime, Consul, headers) as servers, Clusters(runtime) as clusters:
        yield Services(servers, clusters)
