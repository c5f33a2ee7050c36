"""The conformance of the Linkerd adapter: what its mesh has in the cluster."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from meshwright.adapters.linkerd import adapter as linkerd
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing import intent_samples
from meshwright.core.testing.conformance import Sample, World
from meshwright.schemas import intents
from meshwright.schemas.intents import AnyIntent, intent_kind
from meshwright.schemas.operations import RotateCertificates, UpgradeMesh
from meshwright.schemas.references import ResourceRef
from rig.kubernetes.conformance import KubernetesConformance
from rig.linkerd.meshes import SAMPLES, bookinfo

_ISSUER = ResourceRef(kind="Secret", namespace="linkerd", name="linkerd-identity-issuer")
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

    def samples(self, directory: Path) -> dict[str, Sample]:
        """Those of all, and whether the issuer is still the first one of its world."""
        first: dict[int, str] = {}

        async def is_first(world: World) -> object:
            async with k8s.Cluster.open(self.settings) as cluster:
                certificate = (await cluster.get(_ISSUER))["data"]["tls.crt"]
            return first.setdefault(id(world), certificate) == certificate

        rotation = Sample(arguments=RotateCertificates(), before=self.ready, look=is_first)
        return {**super().samples(directory), RotateCertificates.kind.name: rotation}
