"""The Istio adapter: one object, on which the modules beside this one register what it can do."""

from meshwright.adapters.istio.analysis import analyzers
from meshwright.adapters.istio.operations.values import SCHEMA
from meshwright.core import kit
from meshwright.schemas.connections import Kubernetes

adapter = kit.Adapter(
    "istio",
    meshes=["istio"],
    contract=2,
    version="0.1.0",
    namespaces=True,
    connections=[Kubernetes],
    analyzers=analyzers,
    values=SCHEMA,
)
