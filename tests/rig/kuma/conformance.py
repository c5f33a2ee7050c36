"""The conformance of the Kuma adapter: what its mesh has in the cluster."""

from collections.abc import Sequence
from typing import ClassVar

from meshwright.adapters.kuma import adapter as kuma
from meshwright.core import kit
from meshwright.core.testing import intent_samples
from meshwright.schemas import intents
from meshwright.schemas.intents import AnyIntent, intent_kind
from meshwright.schemas.operations import UpgradeMesh
from rig.kubernetes.conformance import KubernetesConformance
from rig.kuma.meshes import SAMPLES, bookinfo

_OWN = {intent_kind(type(each)): each for each in SAMPLES}


class KumaConformance(KubernetesConformance):
    """See `KubernetesConformance`."""

    adapter: ClassVar[kit.Adapter] = kuma
    load_as: ClassVar[str] = "kuma"
    designed = (("kuma.io", "MeshHTTPRoute"), ("kuma.io", "MeshRateLimit"), ("kuma.io", "MeshAccessLog"))
    others = (intents.RateLimit(service="ratings", requests=5), intents.AccessLog(service="ratings"))
    plane: ClassVar[str] = "kuma-system"
    part = "labels"
    upgrade = UpgradeMesh()
    intent_samples: ClassVar[Sequence[AnyIntent]] = [
        _OWN.get(intent_kind(type(each)), each) for each in intent_samples.SAMPLES
    ]

    def facts(self) -> kit.Facts:
        """Bookinfo in 2.14, which has words for every intent."""
        return bookinfo(version="2.14")
