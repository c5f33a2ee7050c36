"""The Linkerd adapter: one object, on which the modules beside this one register what it can do."""

from collections.abc import AsyncIterator

from meshwright.adapters.linkerd import connecting
from meshwright.adapters.linkerd.analysis import analyzers
from meshwright.adapters.linkerd.importing import importers
from meshwright.adapters.linkerd.installation.charts import SCHEMA
from meshwright.adapters.linkerd.installation.options import Options
from meshwright.adapters.linkerd.telemetry.traffic import TRAFFIC
from meshwright.core import kit
from meshwright.core.kit.kubernetes import Clusters, KubernetesTarget
from meshwright.schemas.connections import Kubernetes

adapter = kit.Adapter(
    "linkerd",
    meshes=["linkerd"],
    contract=2,
    version="0.1.0",
    settings=Options,
    target=KubernetesTarget,
    namespaces=True,
    connections=[Kubernetes],
    rights=connecting.RIGHTS,
    proofs=kit.proofs(__package__),
    analyzers=analyzers,
    importers=importers,
    traffic=TRAFFIC,
    values=SCHEMA,
)

adapter.connection_test(connecting.test)


@adapter.service
async def serve(runtime: kit.Runtime) -> AsyncIterator[Clusters]:
    """Keep a client of each cluster beside the commands."""
    async with Clusters(runtime) as clusters:
        yield clusters
