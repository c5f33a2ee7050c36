"""Where the resources of a Kuma mesh without Kubernetes live: behind its control plane's API."""

from meshwright.adapters.kuma.universal import records
from meshwright.adapters.kuma.universal.api import api_of
from meshwright.adapters.kuma.universal.entries import Policies
from meshwright.core.kit.http_control_plane import ControlPlaneTarget


class UniversalTarget(ControlPlaneTarget):
    """The resources of one of Kuma's meshes."""

    async def entries(self) -> Policies:
        """Those of the control plane that the connection names now."""
        return Policies(await api_of(self.scope), await records.name_of(self.scope))
