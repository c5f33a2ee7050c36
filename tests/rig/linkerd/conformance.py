"""The conformance of the Linkerd adapter: what its mesh has in the cluster."""

from collections.abc import Sequence
from typing import ClassVar

from meshwright.adapters.linkerd import adapter as linkerd
from meshwright.core import kit
from meshwright.core.testing import intent_samples
from meshwright.schemas import intents
from meshwright.schemas.intents import AnyIntent, intent_kind
from meshwright.schemas.operations import UpgradeMesh
from rig.kubernetes.conformance import KubernetesConformance
from rig.linkerd.meshes import SAMPLES, bookinfo

_OWN = {intent_kind(type(each)): each for each in SAMPLES}


class LinkerdConformance(KubernetesConformance):
    """See `KubernetesConformance`."""

    adapter: ClassVar[kit.Adapter] = linkerd
    load_as: ClassVar[str] = "linkerd"
    designed = (
        ("gateway.networking.k8s.io", "HTTPRoute"),
        ("policy.linkerd.io", "Server"),
        ("policy.linkerd.io", "HTTPLocalRateLimitPolicy"),
    )
    others = (intents.RateLimit(service="ratings", requests=5), intents.DenyAll(service="ratings"))
    plane: ClassVar[str] = "linkerd"
    part = "annotations"
    upgrade = UpgradeMesh()
    intent_samples: ClassVar[Sequence[AnyIntent]] = [
        _OWN.get(intent_kind(type(each)), each) for each in intent_samples.SAMPLES
    ]

    def facts(self) -> kit.Facts:
        """Bookinfo, which has all services of the samples."""
        return bookinfo()
