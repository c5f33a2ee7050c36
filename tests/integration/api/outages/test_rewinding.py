"""nats-server is restored from an older copy: what users see afterwards is what the streams hold, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from rig.load.listening import listening
from rig.stack.people import Person
from rig.stack.receiving import Receiver, receiving
from rig.stack.stack import TOKEN, Stack

pytestmark = [pytest.mark.servers]
FLEET = {"kind": "envoy-fleet"}


@pytest.fixture
async def admin(alone: Stack) -> AsyncIterator[Person]:
    """An admin of a whole Meshwright of this test's own, with a mesh."""
    await asyncio.to_thread(alone.start_all)
    alone.start("meshwright-notifier")
    async with httpx.AsyncClient(base_url=alone.url, timeout=30) as client:
        person = Person(client, TOKEN, "default")
        await person.mesh()
        yield person


async def gone(person: Person, path: str) -> bool:
    """Whether a document is not there any more."""
    answer = await person.client.get(path, headers={"Authorization": f"Bearer {person.token}"})
    return answer.status_code == 404


async def names(person: Person) -> list[str]:
    """The connections in the order of their names."""
    return [one["id"] for one in (await person.get("/v1/connections"))["items"]]


def heard_by(receiver: Receiver, type: str) -> set[str]:
    """The events of a type that were delivered, each at least once: a call that took too long is made again."""
    return {call.event["id"] for call in receiver.of(type)}


async def test_users_see_what_the_streams_hold(admin: Person, alone: Stack, tmp_path: Path) -> None:
    """Documents and tokens that were lost are gone everywhere, and can be created again; operations continue."""
    await admin.put("/v1/connections/kept", FLEET)
    await alone.nats.copy_to(tmp_path / "copy")
    await eventually(lambda: admin.get("/readyz"))
    made = await admin.put("/v1/connections/lost", FLEET)
    viewer = await admin.token_of("viewer")
    await eventually(lambda: admin.get("/v1/connections/lost", params={"min_seq": made.headers["meshwright-seq"]}))
    await alone.nats.go_back_to(tmp_path / "copy")
    await alone.nats.start()
    await eventually(lambda: gone(admin, "/v1/connections/lost"))
    await eventually(lambda: viewer.problem("GET", "/v1/connections", status=401, slug="unauthenticated"))
    again = await admin.put("/v1/connections/lost", FLEET, expect=201)
    await eventually(lambda: admin.get("/v1/connections", params={"min_seq": again.headers["meshwright-seq"]}))
    assert await names(admin) == ["kept", "lost", "place"]
    assert (await admin.do("/v1/operations", {"kind": "trial.noop", "mesh": "m1"}))["state"] == "succeeded"


async def test_subscribers_get_what_is_new(admin: Person, alone: Stack, tmp_path: Path) -> None:
    """A client gets `reset`, and a webhook gets each event that was stored since, though its sequence is not new."""
    async with receiving() as receiver, listening(alone.url, TOKEN, "default", entity="connection") as heard:
        await admin.put("/v1/webhooks/ops", {"url": receiver.url, "types": ["dev.meshwright.connection"]})
        await admin.post("/v1/webhooks/ops:test")
        (ping,) = await eventually(lambda: heard_by(receiver, "pinged"))
        await alone.nats.copy_to(tmp_path / "copy")
        await eventually(lambda: admin.get("/readyz"))
        for number in range(8):
            await admin.put(f"/v1/connections/lost-{number}", FLEET)
        await eventually(lambda: len(heard_by(receiver, "written")) == 8)
        await eventually(lambda: len(heard.ids) == 8)
        await alone.nats.go_back_to(tmp_path / "copy")
        await alone.nats.start()
        reset = await eventually(lambda: [told for _, event, told in heard.frames if event == "reset"])
        assert {told["reason"] for told in reset} == {"rewound"}
        await eventually(lambda: admin.get("/readyz"))
        for number in range(8):
            await admin.put(f"/v1/connections/new-{number}", FLEET)
        wanted = {f"connections/new-{number}" for number in range(8)}
        await eventually(lambda: {call.event["subject"] for call in receiver.of("written")} >= wanted)
        await eventually(lambda: len(heard.ids) == 16)
        await admin.post("/v1/webhooks/ops:test")
        await eventually(lambda: heard_by(receiver, "pinged") - {ping})


async def test_an_id_that_never_was_makes_a_client_start_over(admin: Person, alone: Stack) -> None:
    """A client that says it has read more than there is, is not left waiting for that."""
    async with listening(alone.url, TOKEN, "default", last_event_id=10**12) as heard:
        await eventually(lambda: heard.frames)
        _, event, told = heard.frames[0]
        assert (event, told["reason"]) == ("reset", "rewound")
        await admin.put("/v1/connections/news", FLEET)
        await eventually(lambda: heard.ids == [told["id"] + 1])
