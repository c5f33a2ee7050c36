"""The Linkerd adapter passes the suite that every adapter must pass: installation, certificates, upgrade and removal.

The chart of the control plane is a stand-in of our own (`rig.linkerd.charts`).
"""

from typing import ClassVar

import pytest

from meshwright.schemas.operations import InstallMesh, UpgradeMesh
from rig.kubernetes.operating import emptied
from rig.linkerd.charts import chart_folder
from rig.linkerd.conformance import LinkerdConformance

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(1800)]


class TestLinkerdMeshes(LinkerdConformance):
    """See `AdapterConformance`."""

    only = frozenset({"mesh.install", "mesh.rotate-certificates", "mesh.uninstall", "mesh.upgrade"})
    is_alone: ClassVar[bool] = True

    @pytest.fixture(autouse=True)
    def charts(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """What is installed, and to what it is upgraded."""
        folder = tmp_path_factory.mktemp("charts")
        self.install = InstallMesh(version="edge-26.6.3", values={"charts": str(chart_folder(folder))})
        newer = chart_folder(folder, "edge-26.8.1")
        self.upgrade = UpgradeMesh(version="edge-26.8.1", values={"charts": str(newer)})  # type: ignore[misc]  # a folder of this run
        self.ready = (self.install,)

    async def furnish(self) -> None:
        """A cluster without Linkerd."""
        await emptied(self.settings, "linkerd")
