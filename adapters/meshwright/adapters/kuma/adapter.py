"""The Kuma adapter: one object, on which the modules beside this one register what it can do."""

from collections.abc import AsyncIterator

from meshwright.adapters.kuma import connecting
from meshwright.adapters.kuma.installation.charts import SCHEMA
from meshwright.adapters.kuma.installation.options import Options
from meshwright.core import kit
from meshwright.core.kit.kubernetes import Clusters, KubernetesTarget
from meshwright.schemas.connections import Kubernetes

adapter = kit.Adapter(
    "kuma",
    meshes=["kuma"],
    contract=2,
    version="0.1.0",
    settings=Options,
    target=KubernetesTarget,
    namespaces=True,
    connections=[Kubernetes],
    rights=connecting.RIGHTS,
    proofs=kit.proofs(__package__),
    values=SCHEMA,
)

adapter.connection_test(connecting.test)


@adapter.service
async def serve(runtime: kit.Runtime) -> AsyncIterator[Clusters]:
    """Keep a client of each cluster beside the commands."""
    async with Clusters(runtime) as clusters:
        yield clusters
