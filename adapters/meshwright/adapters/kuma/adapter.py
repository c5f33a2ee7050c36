"""The Kuma adapter: one object, on which the modules beside this one register what it can do."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from meshwright.adapters.kuma import connecting
from meshwright.adapters.kuma.analysis import analyzers
from meshwright.adapters.kuma.importing import importers
from meshwright.adapters.kuma.installation.charts import SCHEMA
from meshwright.adapters.kuma.installation.options import Options
from meshwright.adapters.kuma.universal import connecting as universal
from meshwright.adapters.kuma.universal.api import headers
from meshwright.adapters.kuma.universal.target import UniversalTarget
from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Servers
from meshwright.core.kit.kubernetes import Clusters, KubernetesTarget
from meshwright.schemas.connections import ConnectionTest, Kubernetes, Kuma


class Target(kit.ConnectedTarget):
    """Where the resources of a Kuma live: in the cluster in which it is, or behind its own API."""

    choices = {Kubernetes: KubernetesTarget, Kuma: UniversalTarget}


class Services(NamedTuple):
    """What runs beside the commands."""

    clusters: Clusters
    servers: Servers[Kuma]


adapter = kit.Adapter(
    "kuma",
    meshes=["kuma"],
    contract=2,
    version="0.1.0",
    settings=Options,
    target=Target,
    namespaces=True,
    connections=[Kubernetes, Kuma],
    rights=connecting.RIGHTS,
    proofs=kit.proofs(__package__),
    values=SCHEMA,
    analyzers=analyzers,
    importers=importers,
)


@adapter.connection_test
async def test(runtime: kit.Runtime, connection: kit.OpenConnection[Any]) -> ConnectionTest:
    """Who we are at a connection, and what we may do there."""
    tester = universal.test if isinstance(connection.settings, Kuma) else connecting.test
    return await tester(runtime, connection)


@adapter.service
async def serve(runtime: kit.Runtime) -> AsyncIterator[Services]:
    """Keep a client of each cluster and of each control plane beside the commands."""
    async with Clusters(runtime) as clusters, Servers(runtime, Kuma, headers) as servers:
        yield Services(clusters, servers)
