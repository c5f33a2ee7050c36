"""The Consul adapter passes in a cluster the suite that every adapter must pass: adoption, designs and workloads.

Beside Consul's rendered installation, in which no control plane works.
"""

from typing import ClassVar

import pytest

from rig.consul.conformance import ConsulInClusterConformance

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.timeout(900)]


class TestConsulInCluster(ConsulInClusterConformance):
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
    def control_plane(self, consul_in_cluster: object) -> None:
        """The rendered one."""
