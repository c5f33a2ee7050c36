"""The Linkerd adapter passes the suite that every adapter must pass: adoption, designs and workloads.

Beside Linkerd's rendered installation, in which no control plane works.
"""

from typing import ClassVar

import pytest

from rig.linkerd.conformance import LinkerdConformance

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]


class TestLinkerdDesigns(LinkerdConformance):
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
    def control_plane(self, linkerd: object) -> None:
        """The rendered one."""
