"""The Istio adapter: one object, on which the modules beside this one register what it can do."""

from collections.abc import AsyncIterator

from meshwright.adapters.istio import connecting
from meshwright.adapters.istio.analysis import analyzers
from meshwright.adapters.istio.charts.values import SCHEMA
from meshwright.adapters.istio.importing import importers
from meshwright.adapters.istio.options import Options
from meshwright.adapters.istio.proxies.target import IstioTarget
from meshwright.adapters.istio.traffic import TRAFFIC
from meshwright.core import kit
from meshwright.core.kit.kubernetes import Clusters
from meshwright.schemas.connections import Kubernetes

adapter = kit.Adapter(
    "istio",
    meshes=["istio"],
    contract=2,
    version="0.1.0",
    settings=Options,
    proofs=kit.proofs(__package__),
    target=IstioTarget,
    namespaces=True,
    connections=[Kubernetes],
    rights=connecting.RIGHTS,
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
