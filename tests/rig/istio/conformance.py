"""The conformance of the Istio adapter: what its mesh has in the cluster."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from meshwright.adapters.istio import adapter as istio
from meshwright.core import kit
from meshwright.core.testing import intent_samples
from meshwright.schemas import intents
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.operations import UpgradeMesh
from rig.istio.meshes import bookinfo
from rig.kubernetes.conformance import KubernetesConformance
from testbed.istiod import NAMESPACE


class IstioConformance(KubernetesConformance):
    """See `KubernetesConformance`."""

    adapter: ClassVar[kit.Adapter] = istio
    load_as: ClassVar[str] = "istio"
    designed = (
        ("networking.istio.io", "VirtualService"),
        ("networking.istio.io", "DestinationRule"),
        ("security.istio.io", "AuthorizationPolicy"),
    )
    others = (intents.CircuitBreaker(service="ratings", max_connections=1), intents.DenyAll(service="ratings"))
    plane: ClassVar[str] = NAMESPACE
    upgrade = UpgradeMesh(version="1.31.0")
    intent_samples: ClassVar[Sequence[AnyIntent]] = [
        msgspec.structs.replace(each, service="productpage") if isinstance(each, intents.Ingress) else each
        for each in intent_samples.SAMPLES
    ]

    def facts(self) -> kit.Facts:
        """Bookinfo, which has all services of the samples."""
        return bookinfo()
