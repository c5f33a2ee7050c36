"""A cluster that is away for longer than an operation may take: the operation ends, and what it did is taken back."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web
from cluster_adapter import SETTINGS

from meshwright.core import bus as mwbus
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.operations import ApplyDesign, OperationUndoing
from meshwright.schemas.references import ResourceRef
from rig.interceptor import intercepting, unreachable

pytestmark = [pytest.mark.servers, pytest.mark.faults]
EXAMPLES = Path(__file__).parents[2] / "example"
NAMES = ("a", "b", "c")


@pytest.fixture
async def nats_server() -> AsyncIterator[NatsServer]:
    """A bus that knows the adapter."""
    async with NatsServer(adapters=["cluster"]) as server:
        yield server


class GoesAway:
    """The cluster answers until it has made its first object, and then no more."""

    def __init__(self) -> None:
        self.made = ""

    async def __call__(self, request: web.Request) -> web.StreamResponse | None:
        """Nobody answers, or the cluster itself."""
        if self.made:
            return await unreachable(request)
        if request.method == "PATCH" and "dryRun" not in request.query:
            self.made = request.path.rpartition("/")[2]
        return None


async def test_an_operation_that_waits_until_its_deadline_is_taken_back_when_the_cluster_returns(
    nats_server: NatsServer, cluster: k8s.Cluster, namespace: str, kubernetes_settings: Kubernetes, tmp_path: Path
) -> None:
    """It had made one of three objects: that one goes, it ends as timed out, and the same wish is granted later."""
    file = tmp_path / "settings.json"
    refs = {name: ResourceRef(kind="ConfigMap", namespace=namespace, name=name) for name in NAMES}
    resources = [
        NativeResource(type="v1/ConfigMap", name=name, namespace=namespace, body={"data": {"x": "1"}}) for name in NAMES
    ]
    design = Design(id="d", resources=resources)

    async def present() -> list[str]:
        return [name for name, ref in refs.items() if await cluster.find(ref)]

    async with (
        intercepting(kubernetes_settings) as (interceptor, settings),
        mwbus.connect(nats_server.url, "api") as bus,
    ):
        file.write_bytes(msgspec.json.encode(settings))
        variables = {SETTINGS: str(file)}
        async with worker_process("cluster_adapter:cluster", nats_server.url, tmp_path, EXAMPLES, variables):
            sender, interceptor.rule = Sender(bus, "cluster"), (away := GoesAway())
            operation = await sender.ask(ApplyDesign(design=design), seconds=12)
            await sender.wait_for(operation, OperationUndoing, timeout=120)
            assert await present() == [away.made]
            interceptor.rule = None
            events = await sender.end(operation, 120)
            assert kinds(events)[-1] == "timed_out", events[-1]
            assert await present() == []
            events = await sender.end(await sender.ask(ApplyDesign(design=design)), 120)
            assert kinds(events)[-1] == "succeeded", events[-1]
            assert await present() == list(NAMES)
