"""Drift of what a design applied to a cluster: detected by a watch, published, and reverted with self-healing."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from cluster_adapter import SETTINGS

from meshwright.core import bus as mwbus
from meshwright.core.kit import kubernetes as k8s
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas.connections import Kubernetes
from meshwright.schemas.designs import Design
from meshwright.schemas.drift import DriftDetected, DriftResolved
from meshwright.schemas.intents import NativeResource
from meshwright.schemas.operations import ApplyDesign
from meshwright.schemas.references import ResourceRef

EXAMPLES = Path(__file__).parents[2] / "example"


@pytest.fixture
async def nats_server() -> AsyncIterator[NatsServer]:
    """A bus with the adapter's user."""
    async with NatsServer(adapters=["cluster"]) as server:
        yield server


async def test_what_somebody_edits_is_put_back_where_the_design_asks_for_it(
    nats_server: NatsServer, cluster: k8s.Cluster, namespace: str, kubernetes_settings: Kubernetes, tmp_path: Path
) -> None:
    """Although the editor owns the field then; fields that the design does not set stay as edited."""
    file = tmp_path / "settings.json"
    file.write_bytes(msgspec.json.encode(kubernetes_settings))
    ref = ResourceRef(kind="ConfigMap", namespace=namespace, name="a")
    brought = NativeResource(type="v1/ConfigMap", name="a", namespace=namespace, body={"data": {"ours": "1"}})
    design = Design(id="d", self_heal=True, resources=[brought])
    async with (
        mwbus.connect(nats_server.url, "api") as bus,
        worker_process(
            "cluster_adapter:cluster",
            nats_server.url,
            tmp_path,
            EXAMPLES,
            {SETTINGS: str(file)},
            worker_drift_every="0.5",
        ),
    ):
        sender = Sender(bus, "cluster")
        events = await sender.end(await sender.ask(ApplyDesign(design=design)))
        assert kinds(events)[-1] == "succeeded", events
        await cluster.patch(ref, {"data": {"ours": "2", "theirs": "3"}}, owner="kubectl-edit")

        async def healed() -> bool:
            return bool((await cluster.get(ref))["data"] == {"ours": "1", "theirs": "3"})

        await eventually(healed, timeout=60)

        async def told() -> bool:
            received = await bus.last("EVENTS", "mw.evt.default.cluster.drift.*")
            message = received.message() if received else None
            return isinstance(message, DriftResolved) and message.how == "healed"

        await eventually(told, timeout=60)
        first = await bus.following("EVENTS", 1, "mw.evt.default.cluster.drift.*")
        assert first
        detected = first.message()
        assert isinstance(detected, DriftDetected)
        assert [(each.ref, each.change) for each in detected.drift.resources] == [(ref, "changed")]
