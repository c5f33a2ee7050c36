"""The Envoy mesh passes the contract of targets, with real sidecars that acknowledge."""

import os
import signal
import socket
from typing import Any

import pytest

from meshwright.adapters.envoy import adapter
from meshwright.core import kit
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.target_contract import TargetContract
from meshwright.schemas.adapters import MeshIntents
from meshwright.schemas.designs import Design, ReleaseChanged
from meshwright.schemas.intents import Backend, FaultAbort, TrafficSplit
from meshwright.schemas.workloads import WorkloadSpec

pytestmark = pytest.mark.servers
MESH = kit.MeshRef(workspace="default", connection="local", mesh="demo")


class TestEnvoyTarget(TargetContract):
    """See `TargetContract`."""

    @pytest.fixture
    async def target(self, envoy_mesh: Any) -> kit.Target:
        """A mesh of four workloads without a design."""
        return adapter.target_of(kit.Scope(envoy_mesh.runtime, envoy_mesh.plane, MESH))

    def design(self, revision: int) -> Design:
        """A split of `reviews`, and a workload that the design brings along."""
        share = 10 * revision
        backends = [Backend(version="v1", weight=share), Backend(version="v2", weight=100 - share)]
        extra = WorkloadSpec(name="extra-v1", service="extra", port=9)
        return Design(id="contract", workloads=[extra], intents=[TrafficSplit(service="reviews", backends=backends)])


async def test_the_matrix_of_a_mesh_knows_the_version_of_its_proxies(envoy_mesh: Any) -> None:
    """What this mesh can do, by the Envoys that run in it; a mesh that is not there is refused."""

    async def asked(mesh: kit.MeshRef) -> MeshIntents:
        return await adapter.intents_of(kit.Scope(envoy_mesh.runtime, envoy_mesh.plane, mesh))

    result = await asked(MESH)
    assert result.version.startswith("1.")
    supported = {each.intent: each.supported for each in result.intents}
    assert supported["traffic-split"] and not supported["egress-control"]
    with pytest.raises(kit.Reject, match="there is no Envoy mesh other"):
        await asked(kit.MeshRef(workspace="default", connection="local", mesh="other"))


async def test_a_proxy_that_lost_what_was_applied_is_named(envoy_mesh: Any) -> None:
    """While another program has the port of a restarted sidecar, its resources are reported as lost."""
    await envoy_mesh.apply(FaultAbort(service="reviews", status=500))
    target = adapter.target_of(kit.Scope(envoy_mesh.runtime, envoy_mesh.plane, MESH))
    (release,) = [each.release for each in await envoy_mesh.events(ReleaseChanged)]
    assert release.inventory
    assert await target.lost(release.inventory) == {}
    state = envoy_mesh.plane.state("default", "demo")
    node, port = str(state.node("web-v1")), state.workloads["web-v1"].ports.outbound
    (pid,) = [each.pid for each in await envoy_mesh.plane.fleet.list() if each.node_id == node]
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        os.kill(pid, signal.SIGKILL)

        def has_port() -> bool:
            thief.bind(("127.0.0.1", port))
            thief.listen()
            return True

        await eventually(has_port, interval=0.001)

        async def is_lost() -> bool:
            lost = await target.lost(release.inventory)
            return {name for names in lost.values() for name in names} == {"web-v1"}

        await eventually(is_lost, timeout=60)

    async def is_held() -> bool:
        return not await target.lost(release.inventory)

    await eventually(is_held, timeout=90)
