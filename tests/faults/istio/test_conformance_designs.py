"""The Istio adapter passes the suite that every adapter must pass: adoption, designs and workloads, beside a real
istiod.
"""

from typing import ClassVar

import pytest

from rig.istio.conformance import IstioConformance
from testbed.istiod import Istiod

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]


class TestIstioDesigns(IstioConformance):
    """See `AdapterConformance`."""

    only = frozenset(
        {
            *("design.apply", "design.remove", "design.rollback"),
            *("mesh.adopt", "mesh.forget"),
            *("workloads.enrol", "workloads.withdraw"),
        }
    )
    is_alone: ClassVar[bool] = False

    @pytest.fixture(autouse=True)
    def control_plane(self, istiod: Istiod) -> None:
        """One that injects and validates."""
