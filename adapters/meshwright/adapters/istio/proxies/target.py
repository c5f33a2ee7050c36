"""The target of an Istio mesh: a Kubernetes cluster, and istiods that tell what proxies have taken.

Invariant: everything but the proxies is what the kit does in every cluster.
"""

from meshwright.adapters.istio.options import Options
from meshwright.adapters.istio.proxies.distribution import IstioControlPlanes
from meshwright.core import kit
from meshwright.core.kit import kubernetes as k8s


class IstioTarget(k8s.KubernetesTarget):
    """One Istio mesh."""

    def __init__(self, scope: kit.Scope) -> None:
        super().__init__(scope)
        self.proxies_within = scope.runtime.settings(Options).proxies_seconds
        self._planes = IstioControlPlanes(self)

    def control_planes(self) -> IstioControlPlanes | None:
        """The istiods of the mesh."""
        return self._planes if self.proxies_within > 0 else None
