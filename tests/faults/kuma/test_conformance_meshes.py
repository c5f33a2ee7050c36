"""The Kuma adapter passes the suite that every adapter must pass: installation, upgrade and removal.

The chart is a stand-in of our own (`rig.kuma.charts`).
"""

from typing import ClassVar

import pytest

from meshwright.schemas.operations import InstallMesh, UpgradeMesh
from rig.kubernetes.operating import emptied
from rig.kuma.charts import chart_folder
from rig.kuma.conformance import KumaConformance

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(1800)]


class TestKumaMeshes(KumaConformance):
    """See `AdapterConformance`."""

    only = frozenset({"mesh.install", "mesh.uninstall", "mesh.upgrade"})
    is_alone: ClassVar[bool] = True

    @pytest.fixture(autouse=True)
    def charts(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        """What is installed, and to what it is upgraded."""
        folder = tmp_path_factory.mktemp("charts")
        self.install = InstallMesh(version="2.14.3", values={"charts": str(chart_folder(folder))})
        newer = chart_folder(folder, "2.15.0")
        self.upgrade = UpgradeMesh(version="2.15.0", values={"charts": str(newer)})  # type: ignore[misc]  # a folder of this run
        self.ready = (self.install,)

    async def furnish(self) -> None:
        """A cluster without Kuma."""
        await emptied(self.settings, "kuma")
