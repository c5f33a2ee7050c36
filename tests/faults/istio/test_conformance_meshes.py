"""The Istio adapter passes the suite that every adapter must pass: installation, upgrade, status and removal."""

from pathlib import Path
from typing import ClassVar

import pytest

from meshwright.schemas.operations import InstallMesh
from rig.istio.admission import Admission
from rig.istio.conformance import IstioConformance
from rig.kubernetes.operating import emptied

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(1800)]


class TestIstioMeshes(IstioConformance):
    """See `AdapterConformance`."""

    only = frozenset({"mesh.install", "mesh.status", "mesh.uninstall", "mesh.upgrade"})
    is_alone: ClassVar[bool] = True

    @pytest.fixture(autouse=True)
    def charts(self, istio_charts: Path, admission: Admission) -> None:
        """What is installed, and who admits pods in the place of an istiod."""
        values = {"charts": str(istio_charts), "istiod": admission.values}
        self.install = InstallMesh(version="1.30.3", profile="minimal", values=values)
        self.ready = (self.install,)

    async def furnish(self) -> None:
        """A cluster without Istio."""
        await emptied(self.settings, "istio")
