"""The Envoy mesh, given designs by way of Istio's YAML: translated for Istio, imported from that, and applied.

Invariant: what a proof asks for reaches the mesh only as far as it survives the way there and back.
"""

from typing import Any

import msgspec

import meshwright.adapters.istio  # noqa: F401 - registers the translators
from meshwright.adapters.istio.adapter import adapter
from meshwright.adapters.istio.facts import IngressGateway, IstioFacts, NamespaceFacts
from meshwright.adapters.istio.importing import importers
from meshwright.core.kit.analysis import from_object, read_files
from meshwright.core.kit.kubernetes.facts import Service, ServicePort, Workload
from meshwright.schemas.designs import Design, Preview
from meshwright.schemas.findings import SourceFile
from meshwright.schemas.intents import Translation
from rig.effects import imported
from rig.effects.envoy import ProvenEnvoyMesh
from rig.effects.mesh import WORKLOADS


def moved(design: Design) -> Design:
    """What is left of a design when Istio's resources are all that is known of it."""
    facts = msgspec.structs.replace(_facts(), design=design.id, intents=design.intents)
    bodies: list[dict[str, Any]] = []
    for intent in design.intents:
        answer = adapter.translators.translate(intent, facts)
        assert isinstance(answer, Translation), answer
        bodies += [each.body for each in answer.resources if each.body not in bodies]
    around, _ = read_files([SourceFile(name="services.yaml", content=imported.SERVICES)], imported.NAMESPACE)
    own = [each for each in around if not each.ref.name.startswith("reviews-") or each.ref.kind != "Service"]
    result = importers.run([*own, *map(from_object, bodies)], id=design.id, flat=True)
    assert len(result.design.intents) == len(design.intents), result.unexpressed
    return result.design


def _facts() -> IstioFacts:
    port = ServicePort(number=9080, name="http", target=9080, container=9080)
    names = sorted({service for service, _ in WORKLOADS.values()})
    return IstioFacts(
        version="1.31.0",
        json_log="json",
        namespaces=[NamespaceFacts(name=imported.NAMESPACE, mode="sidecar", revision="default")],
        services=[
            Service(namespace=imported.NAMESPACE, name=name, ports=[port], selector={"app": name}) for name in names
        ],
        workloads=[
            Workload(
                namespace=imported.NAMESPACE,
                name=name,
                labels={"app": service, "version": version},
                service_account=service,
                mode="sidecar",
            )
            for name, (service, version) in WORKLOADS.items()
        ],
        gateways=[IngressGateway(namespace="istio-ingress", name="gateway", labels={"istio": "ingress"})],
        namespace=imported.NAMESPACE,
    )


class MovedMesh(ProvenEnvoyMesh):
    """The Envoy mesh behind the way over Istio's YAML."""

    async def apply(self, design: Design) -> None:
        await super().apply(moved(design))

    async def preview(self, design: Design) -> Preview:
        return await super().preview(moved(design))
