"""The Kuma adapter passes the suite that every adapter must pass: adoption, designs and workloads.

Beside Kuma's rendered installation, in which no control plane works.
"""

from typing import ClassVar

import pytest

from rig.kuma.conformance import KumaConformance

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]


class TestKumaDesigns(KumaConformance):
    """See `AdapterConformance`."""

    only = frozenset(
        {
            *("design.apply", "design.remove", "design.rollback"),
            *("mesh.adopt", "mesh.forget", "mesh.status"),
            *("workloads.enrol", "workloads.withdraw"),
        }
    )
    is_alone: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def control_plane(self, kuma: object) -> None:
        """The rendered one."""
