"""Drift: changes of a release by others are published, and reverted where its design has self-healing."""

import asyncio
import json
from pathlib import Path

import pytest

from meshwright.core.testing import file_target
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import Sender, kinds
from meshwright.core.testing.servers import NatsServer
from meshwright.core.testing.workers import worker_process
from meshwright.schemas.base import Message
from meshwright.schemas.designs import Design
from meshwright.schemas.drift import DriftDetected, DriftResolved
from meshwright.schemas.intents import Timeout
from meshwright.schemas.operations import ApplyDesign, RemoveDesign

pytestmark = pytest.mark.servers
EXAMPLES = Path(__file__).parents[2] / "example"


async def told(sender: Sender) -> list[Message]:
    """What was said of drift so far, in its order."""
    items: list[Message] = []
    seq = 1
    while received := await sender.bus.following("EVENTS", seq, "mw.evt.default.example.drift.*"):
        seq = received.seq + 1
        message = received.message()
        assert message is not None
        items.append(message)
    return items


def route(directory: Path) -> Path:
    """The one file of the mesh."""
    (path,) = file_target.folder(directory, "default", "m1").glob("*.json")
    return path


def meddle(path: Path) -> None:
    """Change the file as another program does."""
    content = json.loads(path.read_text())
    content["resource"]["body"]["seconds"] = 99
    path.write_text(json.dumps(content))


async def apply(sender: Sender, *, self_heal: bool = False) -> None:
    """Have a timeout applied."""
    design = Design(id="d", intents=[Timeout(service="reviews", timeout="1s")], self_heal=self_heal)
    events = await sender.end(await sender.ask(ApplyDesign(design=design)))
    assert kinds(events)[-1] == "succeeded", events


async def counted(sender: Sender, number: int) -> list[Message]:
    """The published messages once there are that many."""

    async def enough() -> bool:
        return len(await told(sender)) >= number

    await eventually(enough)
    return await told(sender)


async def test_a_change_and_a_loss_are_reported_and_their_end(
    nats_server: NatsServer, sender: Sender, tmp_path: Path
) -> None:
    """A changed resource, then a missing one, then its return, then one under a removed design: each published once."""
    async with worker_process("example_adapter:example", nats_server.url, tmp_path, EXAMPLES, worker_drift_every="0.1"):
        await apply(sender)
        path = await asyncio.to_thread(route, tmp_path)
        good = path.read_bytes()
        await asyncio.to_thread(meddle, path)
        (changed,) = await counted(sender, 1)
        assert isinstance(changed, DriftDetected)
        (resource,) = changed.drift.resources
        assert (changed.drift.design, changed.drift.revision, resource.change) == ("d", 1, "changed")
        assert (resource.ref.kind, resource.ref.name) == ("Timeout", "reviews")
        assert [(each.path, each.wanted, each.there) for each in resource.fields] == [("/seconds", 1.0, 99)]
        path.unlink()
        _, missing = await counted(sender, 2)
        assert isinstance(missing, DriftDetected)
        assert [each.change for each in missing.drift.resources] == ["missing"]
        path.write_bytes(good)
        *_, back = await counted(sender, 3)
        assert isinstance(back, DriftResolved)
        assert (back.id, back.how, back.principal) == (changed.drift.id, "reverted", "")
        await asyncio.to_thread(meddle, path)
        await counted(sender, 4)
        await sender.end(await sender.ask(RemoveDesign(design="d")))
        *_, over = await counted(sender, 5)
        assert isinstance(over, DriftResolved)
        assert over.how == "replaced"


async def test_a_design_that_asks_for_it_is_put_back(nats_server: NatsServer, sender: Sender, tmp_path: Path) -> None:
    """The drift is published, the resource is as it was applied, the healing is published too; no revision is made."""
    async with worker_process("example_adapter:example", nats_server.url, tmp_path, EXAMPLES, worker_drift_every="0.1"):
        await apply(sender, self_heal=True)
        path = await asyncio.to_thread(route, tmp_path)
        good = json.loads(path.read_text())
        await asyncio.to_thread(meddle, path)
        detected, healed = (await counted(sender, 2))[:2]
        assert isinstance(detected, DriftDetected)
        assert isinstance(healed, DriftResolved)
        assert (healed.how, healed.principal) == ("healed", "meshwright:self-heal")
        assert json.loads(path.read_text()) == good
