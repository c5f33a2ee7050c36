"""The adapter as its own process: what its death and its return mean for traffic."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.adapters.envoy.dataplane.fleet import Fleet
from meshwright.adapters.envoy.state import desired
from meshwright.core import bus as mwbus
from meshwright.core import kit
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, command, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design
from meshwright.schemas.errors import Failure
from meshwright.schemas.intents import AccessLog, AnyIntent, FaultAbort
from meshwright.schemas.operations import (
    ApplyDesign,
    InstallMesh,
    OperationFailed,
    OperationStarted,
    StepCompleted,
    StepStarted,
    enrolling,
)
from meshwright.schemas.workloads import ProxyObserved, WorkloadSpec

pytestmark = pytest.mark.servers


@pytest.fixture
async def sender(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Sender]:
    """A client that sends commands; sidecars that outlived their worker are stopped afterwards."""
    async with mwbus.connect(nats_server.url, "api") as bus:
        yield Sender(bus, "envoy")
    async with Fleet.open(tmp_path / "fleet", keep_on_exit=False):
        pass


async def do(sender: Sender, arguments: Any) -> list[Message]:
    """Ask and wait for success."""
    events = await sender.end(await sender.ask(arguments))
    assert kinds(events)[-1] == "succeeded", events
    return events


def abort(status: int) -> ApplyDesign:
    """A design that answers every call to `reviews` with this status."""
    intents: list[AnyIntent] = [FaultAbort(service="reviews", status=status)]
    return ApplyDesign(design=Design(id="abort", intents=intents))


async def outbound(sender: Sender) -> int:
    """The port for calls of `web`, from its events."""
    told = await sender.bus.last("EVENTS", "mw.evt.default.envoy.proxy.m1==web")
    message = told.message() if told else None
    assert isinstance(message, ProxyObserved)
    assert message.proxy.details
    assert message.proxy.details.outbound_port
    return message.proxy.details.outbound_port


async def test_traffic_and_policies_survive_the_worker(nats_server: NatsServer, sender: Sender, tmp_path: Path) -> None:
    """With the worker killed the sidecars carry on; its successor takes them over untouched and configures them."""
    lane = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % 8
    first_port = str(28_400 + lane * 500)
    specs = [WorkloadSpec(name=name, service=name, port=9) for name in ("web", "reviews")]
    async with httpx.AsyncClient(trust_env=False) as client:
        async with worker_process("envoy", nats_server.url, tmp_path, envoy_first_port=first_port) as first:
            await do(sender, InstallMesh())
            await do(sender, enrolling(specs))
            await do(sender, abort(500))
            port = await eventually(lambda: outbound(sender))
            await first.kill()

        async def status() -> int:
            return (await client.get(f"http://127.0.0.1:{port}/", headers={"host": "reviews"})).status_code

        assert await status() == 500
        before = _pids(tmp_path)
        async with worker_process("envoy", nats_server.url, tmp_path, envoy_first_port=first_port) as second:
            await do(sender, abort(501))
            assert await status() == 501
            assert _pids(tmp_path) == before
            assert await second.stop() == 0
            assert "Traceback" not in second.log.read_text()
        assert await status() == 501


async def test_a_retry_is_planned_against_what_is_there_now(
    nats_server: NatsServer, sender: Sender, tmp_path: Path
) -> None:
    """An operation that failed behind its plan is retried after another change of the mesh, and both changes hold."""
    async with worker_process("envoy", nats_server.url, tmp_path):
        await do(sender, InstallMesh())
        wanted = ApplyDesign(design=Design(id="logs", intents=[AccessLog()]))
        failed = await _failed_behind_its_plan(sender, wanted)
        await do(sender, ApplyDesign(design=Design(id="other")))
        events = await sender.end(await sender.ask(wanted, retry_of=failed))
        assert kinds(events)[-1] == "succeeded", events
        assert "plan" in [event.step for event in events if isinstance(event, StepStarted)]
        bucket = await mwbus.open_bucket(sender.bus, "mw_adapter_envoy", prefix="desired.")
        entry = await bucket.get("default.m1")
        assert entry is not None
        assert sorted(desired.decode(entry.value).designs) == ["logs", "other"]


async def test_a_desired_state_that_a_stranger_wrote_is_drift_and_is_put_back(
    nats_server: NatsServer, sender: Sender, tmp_path: Path
) -> None:
    """A write other than by operations is published as drift of the release; a design with self-healing reverts it."""
    async with worker_process(
        "envoy", nats_server.url, tmp_path, worker_drift_every="0.2", envoy_keep_sidecars="false"
    ):
        await do(sender, InstallMesh())
        web, fault = WorkloadSpec(name="web", service="web", port=9), FaultAbort(service="web", status=500)
        await do(sender, ApplyDesign(design=Design(id="faults", workloads=[web], intents=[fault], self_heal=True)))
        bucket = await mwbus.open_bucket(sender.bus, "mw_adapter_envoy", prefix="desired.")
        entry = await bucket.get("default.m1")
        assert entry is not None
        await bucket.put("default.m1", desired.encode(desired.remove_design(desired.decode(entry.value), "faults")))

        async def told() -> list[str]:
            result, seq = [], 1
            while received := await sender.bus.following("EVENTS", seq, "mw.evt.default.envoy.drift.*"):
                seq = received.seq + 1
                result.append(received.type)
            return result if len(result) == 2 else []

        detected, resolved = await eventually(told, timeout=30)
        assert (detected.split(".")[-2], resolved.split(".")[-2]) == ("detected", "resolved")
        healed = await bucket.get("default.m1")
        assert healed is not None
        before, after = desired.decode(entry.value), desired.decode(healed.value)
        assert (after.designs, after.workloads.keys()) == (before.designs, before.workloads.keys())


async def _failed_behind_its_plan(sender: Sender, arguments: ApplyDesign) -> str:
    """An operation as a worker leaves it whose proxies have refused what it planned."""
    asked = command(adapter="envoy", kind=arguments.kind.name, arguments=msgspec.to_builtins(arguments))
    journal = kit.Journal(sender.bus, asked)
    plan = {"revision": 1, "changes": 1}
    for message in (
        OperationStarted(worker="w", attempt=1, adapter_version="1"),
        StepStarted(step="plan", attempt=1),
        StepCompleted(step="plan", attempt=1, result=plan),
        OperationFailed(failure=Failure(code="MW2001", what="refused")),
    ):
        await journal.append(message)
    return asked.operation


def _pids(directory: Path) -> list[str]:
    return sorted(each.read_text() for each in (directory / "fleet").glob("*/record.json"))


async def test_a_wrong_variable_of_the_adapter_ends_the_worker_at_its_start(
    nats_server: NatsServer, tmp_path: Path
) -> None:
    """An invalid setting is reported with its name, before any command is taken."""
    async with worker_process("envoy", nats_server.url, tmp_path, envoy_first_port="low") as worker:
        async with asyncio.timeout(30):
            assert await worker.process.wait() == 1
        assert "meshwright-adapter: MESHWRIGHT_ENVOY_FIRST_PORT='low': Expected `int`" in worker.log.read_text()
