"""The conformance of the Consul adapter in a cluster: what its mesh has there."""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from meshwright.adapters.consul import adapter as consul
from meshwright.core import kit
from meshwright.core.testing import intent_samples
from meshwright.core.testing.conformance import Sample
from meshwright.schemas import intents
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.operations import UpgradeMesh
from rig.consul.meshes import mesh
from rig.kubernetes.conformance import KubernetesConformance

_GROUP = "consul.hashicorp.com"


class ConsulInClusterConformance(KubernetesConformance):
    """See `KubernetesConformance`."""

    adapter: ClassVar[kit.Adapter] = consul
    load_as: ClassVar[str] = "consul"
    designed = (
        (_GROUP, "ServiceDefaults"),
        (_GROUP, "ServiceResolver"),
        (_GROUP, "ServiceSplitter"),
        (_GROUP, "ServiceRouter"),
        (_GROUP, "ServiceIntentions"),
    )
    others = (intents.Timeout(service="reviews", timeout="2s"), intents.DenyAll(service="ratings"))
    plane: ClassVar[str] = "consul"
    part = "annotations"
    restart_to_join = True
    upgrade = UpgradeMesh()
    intent_samples: ClassVar[Sequence[AnyIntent]] = [
        intents.AccessLog() if isinstance(each, intents.AccessLog) else each for each in intent_samples.SAMPLES
    ]

    def samples(self, directory: Path) -> dict[str, Sample]:
        """Those of all; Consul is not installed."""
        return {name: each for name, each in super().samples(directory).items() if name in self.adapter.operations}

    def facts(self) -> kit.Facts:
        """A mesh that has all services of the samples."""
        return mesh()
