"""Faults while an operation waits for proxies: real istiod, real Envoys, a real worker."""

import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from meshwright.core import bus as mwbus
from meshwright.core.bus.client import requesting
from meshwright.core.testing import identities
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import WorkerProcess, worker_process
from meshwright.schemas import subjects
from meshwright.schemas.base import Message
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.intents import Backend, TrafficSplit
from meshwright.schemas.operations import ApplyDesign, OperationProgressed, RemoveDesign, StepCompleted
from rig.kubernetes import worker
from testbed.cluster import KubernetesServer
from testbed.istiod import Istiod
from testbed.objects import Objects
from testbed.traffic.manifests import Service
from testbed.traffic.network import Refused
from testbed.traffic.world import SidecarWorld

pytestmark = [pytest.mark.servers, pytest.mark.faults, pytest.mark.asyncio(loop_scope="module")]
NAMESPACE = "meshwright-test-frozen"
_WITHIN_S = 120.0


class Around(msgspec.Struct):
    """A mesh and its services, and what is needed to start another worker."""

    world: SidecarWorld
    sender: Sender
    api: mwbus.Connection
    """with the API's own credentials, by which workers are asked who is there"""
    nats: NatsServer
    directory: Path
    server: KubernetesServer
    stack: AsyncExitStack
    worker: WorkerProcess | None = None

    async def start(self, **settings: str) -> None:
        """Start a worker."""
        allowed: dict[str, Any] = {"connection_allow": "127.0.0.0/8", **settings}
        process = worker_process("istio", self.nats.url, self.directory, **allowed)
        self.worker = await self.stack.enter_async_context(process)
        await eventually(lambda: requesting.request(self.api, "istio", "info", b""), timeout=_WITHIN_S)

    async def ask(self, version: str, seconds: float = _WITHIN_S) -> str:
        """Ask for everything to one version; the operation."""
        backends = [Backend(version=each, weight=100 if each == version else 0) for each in ("v1", "v2")]
        design = Design(id="split", intents=[TrafficSplit(service="reviews", backends=backends)])
        return await self.sender.ask(ApplyDesign(design=design), mesh="prod", seconds=seconds)

    async def remove(self) -> None:
        """Take the design away."""
        operation = await self.sender.ask(RemoveDesign(design="split"), mesh="prod", seconds=_WITHIN_S)
        assert kinds(await self.sender.end(operation, _WITHIN_S))[-1] == "succeeded"

    async def until_told(self, operation: str, words: str) -> None:
        """Wait until people are told this."""

        async def told() -> bool:
            events = await self.sender.events(operation)
            assert kinds(events)[-1] not in ("succeeded", "failed"), events[-1]
            return any(isinstance(each, OperationProgressed) and words in each.message for each in events)

        await eventually(told, timeout=_WITHIN_S)

    def generation(self) -> int:
        """Of the design's VirtualService; 0: there is none."""
        path = f"/apis/networking.istio.io/v1/namespaces/{NAMESPACE}/virtualservices/reviews"
        with self.server.client() as client:
            answer = client.get(path)
        return int(answer.json()["metadata"]["generation"]) if answer.status_code == 200 else 0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def around(
    kubernetes_server: KubernetesServer, istiod: Istiod, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Around]:
    """One mesh for all tests of this module."""
    namespace = {"name": NAMESPACE, "labels": {"istio.io/rev": "default"}}
    directory = tmp_path_factory.mktemp("frozen")
    credentials = identities.credentials_file(subjects.API, directory)
    kubeconfig = worker.within(kubernetes_server.kubeconfig(), NAMESPACE)
    services = [Service("reviews", ("v1", "v2"), sidecar=True)]
    with kubernetes_server.client() as client:
        objects = Objects(client)
        objects.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})
        try:
            async with AsyncExitStack() as stack:
                nats = await stack.enter_async_context(NatsServer(adapters=["istio"]))
                bus = await stack.enter_async_context(mwbus.connect(nats.url, "api"))
                world = await stack.enter_async_context(SidecarWorld(kubernetes_server, istiod, NAMESPACE, services))
                api = await stack.enter_async_context(mwbus.connect(nats.address, "api", credentials_file=credentials))
                await worker.connect(bus, directory, Kubernetes(kubeconfig=kubeconfig))
                sender = Sender(bus, "istio", worker.CONNECTION)
                result = Around(world, sender, api, nats, directory, kubernetes_server, stack)
                await result.start()
                yield result
        except Refused as refused:
            pytest.skip(str(refused))
        finally:
            objects.delete({"apiVersion": "v1", "kind": "Namespace", "metadata": namespace})


def completed(events: list[Message], step: str) -> list[StepCompleted]:
    """The records of a step."""
    return [each for each in events if isinstance(each, StepCompleted) and each.step == step]


async def test_an_operation_waits_for_a_frozen_proxy_says_so_and_ends_when_it_goes_on(around: Around) -> None:
    """It names the pod; the others have taken it meanwhile."""
    around.world.signal("client", signal.SIGSTOP)
    try:
        operation = await around.ask("v1")
        await around.until_told(operation, around.world.pod("client").name)
    finally:
        around.world.signal("client", signal.SIGCONT)
    events = await around.sender.end(operation, _WITHIN_S)
    assert kinds(events)[-1] == "succeeded"
    (step,) = completed(events, "wait")
    assert (step.result["taken"], step.result["behind"]) == (3, [])
    assert (await around.world.request("reviews")).version == "v1"
    await around.remove()


async def test_a_worker_that_is_killed_while_it_waits_has_one_effect_and_one_release(around: Around) -> None:
    """The next one goes on waiting: nothing is applied again, one release is recorded."""
    around.world.signal("client", signal.SIGSTOP)
    try:
        operation = await around.ask("v2")
        await around.until_told(operation, around.world.pod("client").name)
        assert around.worker
        await around.worker.kill()
        await around.start()
    finally:
        around.world.signal("client", signal.SIGCONT)
    events = await around.sender.end(operation, _WITHIN_S)
    assert kinds(events)[-1] == "succeeded"
    assert [len(completed(events, each)) for each in ("apply", "wait", "record-release")] == [1, 1, 1]
    assert around.generation() == 1
    assert completed(events, "record-release")[0].result["revision"] > 0
    assert (await around.world.request("reviews")).version == "v2"
    await around.remove()


async def test_the_deadline_of_an_operation_ends_its_wait_for_a_frozen_proxy_and_it_is_undone(around: Around) -> None:
    """Nothing of it stays in the cluster."""
    around.world.signal("client", signal.SIGSTOP)
    try:
        operation = await around.ask("v1", seconds=8)
        events = await around.sender.end(operation, _WITHIN_S)
    finally:
        around.world.signal("client", signal.SIGCONT)
    assert kinds(events)[-1] == "timed_out", events[-1]
    assert not completed(events, "record-release")
    assert around.generation() == 0

    async def as_before() -> bool:
        return set(await around.world.versions("reviews", 30)) == {"v1", "v2"}

    await eventually(as_before, timeout=_WITHIN_S)  # the proxy takes both changes now that it goes on


async def test_a_proxy_that_stays_frozen_is_named_and_the_operation_ends_without_it(around: Around) -> None:
    """After `proxies_seconds` it succeeds, says who will take it later, and that one does when it goes on."""
    assert around.worker
    await around.worker.kill()
    await around.start(istio_proxies_seconds="6")
    around.world.signal("client", signal.SIGSTOP)
    try:
        operation = await around.ask("v2")
        events = await around.sender.end(operation, _WITHIN_S)
    finally:
        around.world.signal("client", signal.SIGCONT)
    assert kinds(events)[-1] == "succeeded", events[-1]
    (step,) = completed(events, "wait")
    frozen = f"{NAMESPACE}/{around.world.pod('client').name}"
    assert (step.result["sent"], step.result["taken"], step.result["behind"]) == (3, 2, [frozen])
    told = [each.message for each in events if isinstance(each, OperationProgressed)]
    assert any(f"{frozen} will take it when they answer again" in each for each in told), told

    async def has_taken_it() -> bool:
        return (await around.world.request("reviews")).version == "v2"

    await eventually(has_taken_it, timeout=_WITHIN_S)
    await around.remove()
