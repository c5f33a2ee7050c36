"""A real worker of this adapter, with the credentials of one, installs Istio; another takes over when it is killed."""

from pathlib import Path
from typing import Any

import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas import operations
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.operations import InstallMesh, StepStarted, UninstallMesh
from rig.kubernetes.worker import CONNECTION, connect

pytestmark = pytest.mark.servers
_SECONDS = 120.0


async def test_a_worker_that_is_killed_is_followed_by_another(
    operator: Any, admission: Any, kubernetes_settings: Kubernetes, istio_charts: Path, tmp_path: Path
) -> None:
    """Installed by two workers, of which the first died in the middle, and removed by the second: nothing is left."""
    before = await operator.everything()
    options: dict[str, Any] = {"istio_chart_folders": "/", "connection_allow": "127.0.0.0/8", "worker_ack_wait": "1"}
    values = {"charts": str(istio_charts), "istiod": admission.values}
    async with NatsServer(adapters=["istio"]) as nats, mwbus.connect(nats.url, "api") as bus:
        await connect(bus, tmp_path, kubernetes_settings)
        sender = Sender(bus, "istio", CONNECTION)
        async with worker_process("istio", nats.url, tmp_path, **options) as first:
            wanted = InstallMesh(version="1.31.0", profile="minimal", values=values)
            operation = await sender.ask(wanted, seconds=_SECONDS)
            await sender.wait_for(operation, StepStarted, times=8, timeout=_SECONDS)
            await first.kill()
        async with worker_process("istio", nats.url, tmp_path, **options):
            events = await sender.end(operation, _SECONDS)
            assert kinds(events)[-1] == "succeeded", events[-1]
            completed = [each.step for each in events if isinstance(each, operations.StepCompleted)]
            assert len(completed) == len(set(completed)) == 13
            assert await operator.find("Deployment", "istiod", "istio-system", "apps")
            operation = await sender.ask(UninstallMesh(definitions="unused"), seconds=_SECONDS)
            events = await sender.end(operation, _SECONDS)
            assert kinds(events)[-1] == "succeeded", events[-1]
    assert await operator.everything() == before
