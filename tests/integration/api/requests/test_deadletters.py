"""Dead letters: commands that could not be executed are listed, shown, replayed or dropped, and block no other
command.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer
from meshwright.schemas import dead_letters
from meshwright.schemas import operations as o
from rig.stack import projections
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack, running

pytestmark = pytest.mark.servers
TRIES = 2
BACKOFF = 1.0
"""seconds before the second try"""


@pytest.fixture(scope="module")
def impatient(mongo_server: MongoServer) -> Iterator[Stack]:
    """A stack whose worker gives a command up after two tries."""
    with running(mongo_server) as stack:
        stack.start("meshwright-projector")
        stack.start("meshwright-scheduler")
        stack.start("meshwright-adapter", "trial_adapter:trial", worker_max_attempts=str(TRIES))
        stack.start_api()
        headers = {"Authorization": f"Bearer {TOKEN}"}
        stack.until(
            lambda: httpx.get(f"{stack.url}/v1/adapters/trial", headers=headers).status_code == 200, "meshwright-api"
        )
        yield stack


@pytest.fixture
async def ann(impatient: Stack) -> AsyncIterator[Person]:
    """An admin in a workspace with the mesh `m1`."""
    async with httpx.AsyncClient(base_url=impatient.url, timeout=30) as client:
        person = await Person.apart(client, TOKEN)
        await person.mesh()
        yield person


def noop() -> dict[str, Any]:
    """A request for nothing."""
    return {"kind": "trial.noop", "mesh": "m1"}


async def poisoned(person: Person, cure: Path) -> str:
    """An operation that breaks its worker's code until `cure` is a file."""
    body = {"kind": "trial.poison", "mesh": "m1", "arguments": {"cure": str(cure)}}
    return str((await person.post("/v1/operations", body, expect=202)).json()["id"])


async def letter(person: Person, operation: str) -> Any:
    """The dead letter of an operation, once it is there."""
    return await eventually(lambda: person.get(f"/v1/deadletters/{operation}"))


async def unreadable(stack: Stack, workspace: str, payload: bytes) -> str:
    """A command that no worker can decode, as another program might publish it."""
    operation = ids.fresh()
    async with mwbus.connect(stack.nats.url, "stranger") as bus:
        subject = f"mw.cmd.{workspace}.trial.place._.{operation}"
        await projections.publish_raw(bus, subject, payload, o.Command.wire.name)
    return operation


async def test_poison_dies_within_its_tries_and_delays_nobody(ann: Person, tmp_path: Path) -> None:
    """What breaks its worker's code is a dead letter after its tries; others go on as quickly as before."""
    begin = time.monotonic()
    dead = await poisoned(ann, tmp_path / "cure")
    slowest = 0.0
    while not (await ann.get("/v1/deadletters"))["items"]:
        asked = time.monotonic()
        assert (await ann.do("/v1/operations", noop()))["state"] == "succeeded"
        slowest = max(slowest, time.monotonic() - asked)
        assert time.monotonic() - begin < BACKOFF + 10
    assert slowest < 2.0
    shown = await letter(ann, dead)
    assert shown["letter"]["state"] == "open"
    assert shown["letter"]["deliveries"] == TRIES
    assert (shown["command"]["kind"], shown["raw"]) == ("trial.poison", "")
    assert (await ann.get(f"/v1/operations/{dead}"))["state"] == "dead_lettered"


async def test_a_letter_is_replayed_once(ann: Person, tmp_path: Path) -> None:
    """A replay is a new operation linked to the dead one; twenty people who replay together get the same one."""
    dead = await poisoned(ann, tmp_path / "cure")
    await letter(ann, dead)
    (tmp_path / "cure").write_text("mended")
    checked = await ann.post(f"/v1/deadletters/{dead}:replay?validate_only=true", {})
    assert checked.status_code == 200
    assert (await letter(ann, dead))["letter"]["state"] == "open"
    path = f"/v1/deadletters/{dead}:replay"
    asked = [ann.post(path, {"reason": f"mended {one}"}, Idempotency_Key=str(one), expect=202) for one in range(20)]
    result = {answer.json()["id"] for answer in await asyncio.gather(*asked)}
    assert len(result) == 1
    again = (await ann.post(path, {"reason": "later"}, expect=202)).json()
    assert again["id"] in result
    assert again["retry_of"] == dead
    assert (await ann.done(again["id"]))["state"] == "succeeded"

    async def told() -> Any:
        shown = (await letter(ann, dead))["letter"]
        return shown if shown["state"] == "replayed" else None

    shown = await eventually(told)
    assert shown["replaced_by"] == again["id"]
    assert (await ann.get("/v1/deadletters", params={"state": "open"}))["items"] == []


async def test_a_retried_operation_closes_its_letter(ann: Person, tmp_path: Path) -> None:
    """`operations:retry` marks the letter too, and a later replay gets the operation of the retry."""
    dead = await poisoned(ann, tmp_path / "cure")
    await letter(ann, dead)
    (tmp_path / "cure").write_text("mended")
    retried = (await ann.post(f"/v1/operations/{dead}:retry", {}, expect=202)).json()["id"]
    replayed = (await ann.post(f"/v1/deadletters/{dead}:replay", {}, expect=202)).json()["id"]
    assert replayed == retried


async def test_what_nobody_can_read_is_shown_and_not_replayed(impatient: Stack, ann: Person) -> None:
    """Bytes that fit no command are shown as bounded text; a replay is refused with the reason, a drop works."""
    dead = await unreadable(impatient, ann.workspace, b'{"kind": "trial.noop", "x": "' + b"y" * 50_000 + b'\xff"}')
    shown = await letter(ann, dead)
    assert shown["command"] is None
    assert shown["unreadable"]
    assert shown["raw"].startswith('{"kind": "trial.noop"')
    assert len(shown["raw"]) <= 16 * 1024
    path = f"/v1/deadletters/{dead}"
    await ann.problem("POST", f"{path}:replay", {}, status=409, slug="unreadable-command")
    await ann.problem("POST", f"/v1/operations/{dead}:retry", {}, status=409, slug="unreadable-command")
    await ann.ask("DELETE", path, params={"validate_only": "true"}, expect=204)
    assert await ann.get(path)
    dropped = await ann.ask("DELETE", path, params={"reason": "rubbish"}, expect=204)
    params = {"min_seq": dropped.headers["meshwright-seq"]}
    assert (await ann.get("/v1/deadletters", params=params))["items"] == []
    for method in ("GET", "DELETE"):
        await ann.problem(method, path, status=404, slug="not-found")
    await ann.problem("POST", f"{path}:replay", {}, status=404, slug="not-found")
    async with mwbus.connect(impatient.nats.url, "test") as bus:
        last = await bus.last("DEADLETTERS", f"mw.dlq.{ann.workspace}.trial.{dead}")
        assert last is not None
        assert last.message() == dead_letters.DeadLetterDropped(operation=dead, principal="admin", reason="rubbish")
        assert await bus.following("DEADLETTERS", 1, f"mw.dlq.{ann.workspace}.trial.{dead}")


async def test_letters_come_in_pages_by_adapter_and_stay_in_their_workspace(impatient: Stack, ann: Person) -> None:
    """A list pages and filters, and another workspace sees none of it."""
    dead = [await unreadable(impatient, ann.workspace, b"{") for _ in range(5)]
    for one in dead:
        await letter(ann, one)
    page = await ann.get("/v1/deadletters", params={"page_size": 3, "adapter": "trial", "order_by": "stored_at"})
    rest = await ann.get(
        "/v1/deadletters",
        params={"page_size": 3, "adapter": "trial", "order_by": "stored_at", "page_token": page["next_page_token"]},
    )
    assert sorted(one["id"] for one in page["items"] + rest["items"]) == sorted(dead)
    assert (await ann.get("/v1/deadletters", params={"adapter": "other"}))["items"] == []
    await ann.problem("GET", f"/v1/deadletters/{dead[0]}", status=404, slug="not-found", workspace="default")
    viewer = await ann.token_of("viewer")
    assert (await viewer.get(f"/v1/deadletters/{dead[0]}"))["letter"]["id"] == dead[0]
    await viewer.problem("DELETE", f"/v1/deadletters/{dead[0]}", status=403, slug="forbidden")
