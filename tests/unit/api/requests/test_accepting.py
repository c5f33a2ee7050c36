"""Asking for operations: one request is one operation, a refused one is none, and the end decides the rest."""

import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.core import ids
from meshwright.schemas import catalog, dead_letters, operations
from meshwright.schemas.base import Message
from meshwright.schemas.errors import Failure
from meshwright.ui_api.http.documents import openapi
from meshwright.ui_api.routes import ALL
from rig.inputs import openapi_walk
from rig.inputs.openapi_walk import Operation

Harness = Any
NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
FAILURE = Failure(code="X1", what="it broke")
NOOP = {"kind": "trial.noop", "mesh": "m1"}
ENDS: dict[str, Message] = {
    "succeeded": operations.OperationSucceeded(),
    "failed": operations.OperationFailed(failure=FAILURE),
    "cancelled": operations.OperationCancelled(),
    "timed_out": operations.OperationTimedOut(deadline=NOW),
    "dead_lettered": operations.OperationDeadLettered(failure=FAILURE, command_seq=1),
}


@pytest.fixture
def ready(harness: Harness) -> Harness:
    """A harness with a mesh whose adapter is alive."""
    harness.mesh()
    return harness


def commands(harness: Harness) -> list[operations.Command]:
    """Every command that is stored."""
    return [msgspec.json.decode(one.payload, type=operations.Command) for one in harness.bus.streams["COMMANDS"]]


def tell(harness: Harness, operation: str, message: Message, origin: str = "trial") -> None:
    """Something that a worker or the scheduler says of an operation."""
    subject = f"mw.evt.default.{origin}.operation.{operation}"
    harness.bus.put(subject, message.wire.name, catalog.encode(message))


def letter(harness: Harness, operation: str) -> None:
    """The operation dies."""
    message = dead_letters.DeadLetter(
        operation=operation,
        workspace="default",
        adapter="trial",
        subject="mw.cmd",
        command_seq=1,
        deliveries=8,
        reason="poison",
        stored_at=NOW,
    )
    harness.bus.put(f"mw.dlq.default.trial.{operation}", message.wire.name, catalog.encode(message))


async def begun(harness: Harness, **more: Any) -> str:
    """An operation that was asked for; its id."""
    return str((await harness.admin.post("/v1/operations", NOOP, expect=202, **more)).json()["id"])


requests = st.tuples(st.sampled_from(["", "a", "b"]), st.sampled_from(["m1", "m2"]), st.sampled_from(["", "why"]))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(requests, max_size=8))
async def test_one_key_is_one_request_and_one_operation(
    doors: type[Harness], asked: list[tuple[str, str, str]]
) -> None:
    """Repeated with its key a request gets the first answer; another request with that key is refused and changes
    nothing; without a key every request is a new operation.
    """
    harness = doors()
    harness.mesh("m1")
    harness.mesh("m2")
    first: dict[str, tuple[Any, Any]] = {}
    count = 0
    for key, mesh, reason in asked:
        body = {**NOOP, "mesh": mesh, "reason": reason}
        known, before = first.get(key, (body, None))
        headers = {"Idempotency_Key": key} if key else {}
        answer = await harness.admin.ask(
            "POST", "/v1/operations", body, expect=202 if known == body or not key else 422, **headers
        )
        if before is not None and known == body:
            assert answer.json() == before.json()
            assert answer.headers["meshwright-seq"] == before.headers["meshwright-seq"]
        elif answer.status_code == 202:
            count += 1
            if key:
                first[key] = (body, answer)
        assert len(commands(harness)) == count
    assert harness.undeclared == []


async def test_a_rival_with_the_same_key_gets_the_same_operation(ready: Harness) -> None:
    """When the same request is stored by another process at the same moment, both get that one."""
    first = await ready.admin.post("/v1/operations", NOOP, Idempotency_Key="k", expect=202)
    [stored] = ready.bus.streams["COMMANDS"]
    ready.bus.streams["COMMANDS"].clear()
    ready.bus.before_store = lambda: ready.bus.streams["COMMANDS"] or ready.bus.streams["COMMANDS"].append(stored)
    again = await ready.admin.post("/v1/operations", NOOP, Idempotency_Key="k", expect=202)
    assert again.json()["id"] == first.json()["id"]
    assert len(ready.bus.streams["COMMANDS"]) == 1


async def test_what_is_asked_is_what_is_stored(ready: Harness) -> None:
    """Reason (from body, query or header, in that order), deadline and principal stand in the command."""
    for how, reason in (
        ({"body": "b", "query": "q", "header": "h"}, "b"),
        ({"query": "q", "header": "h"}, "q"),
        ({"header": "h"}, "h"),
        ({}, ""),
    ):
        headers = {"Meshwright_Reason": how["header"]} if "header" in how else {}
        body = NOOP | ({"reason": how["body"]} if "body" in how else {}) | {"deadline_seconds": 60}
        params = {"reason": how["query"]} if "query" in how else {}
        answer = await ready.admin.ask("POST", "/v1/operations", body, params=params, expect=202, **headers)
        command = commands(ready)[-1]
        assert (command.reason, command.principal) == (answer.json()["reason"], "admin") == (reason, "admin")
        assert (command.deadline - command.accepted_at).total_seconds() == 60


DOCUMENT = openapi.document(ALL, "test")
IDEMPOTENT = {route.operation_id for route in ALL if route.idempotent}
ORDERS = [one for one in openapi_walk.operations(DOCUMENT) if one.id in IDEMPOTENT]


@pytest.mark.parametrize("order", ORDERS, ids=lambda one: one.id)
async def test_every_order_for_a_mesh_that_is_not_there_is_refused(harness: Harness, order: Operation) -> None:
    """No route accepts an operation for what does not exist: it says what is missing, and nothing is stored."""
    body = openapi_walk.body(DOCUMENT, order, every_field=order.id == "enrolWorkloads", mesh="nowhere")
    answer = await harness.client.request(
        order.method, order.fitting("nowhere"), json=body, headers={"Authorization": f"Bearer {harness.admin.token}"}
    )
    assert answer.status_code in (404, 422), answer.text
    assert answer.json()["detail"].startswith("there is no "), answer.text
    assert not [one for stream in harness.bus.streams.values() for one in stream]


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("origin", ["trial", "scheduler"])
async def test_an_end_allows_a_retry_but_for_success(ready: Harness, end: str, origin: str) -> None:
    """Whichever process published the end: an unsuccessful operation can be retried, linked; a running or
    successful one cannot.
    """
    operation = await begun(ready)
    path = f"/v1/operations/{operation}:retry"
    answer = await ready.admin.problem("POST", path, {}, status=409, slug="operation-finished")
    assert "not ended yet" in answer["detail"]
    tell(ready, operation, operations.OperationStarted(worker="w", adapter_version="1", attempt=1))
    await ready.admin.problem("POST", path, {}, status=409, slug="operation-finished")
    tell(ready, operation, ENDS[end], origin)
    if end == "succeeded":
        await ready.admin.problem("POST", path, {}, status=409, slug="operation-finished")
        return
    again = (await ready.admin.post(path, {"reason": "mended"}, expect=202)).json()
    assert (again["retry_of"], again["kind"], again["reason"]) == (operation, "trial.noop", "mended")
    assert again["id"] != operation


async def test_the_first_of_two_ends_is_the_end(ready: Harness) -> None:
    """When worker and scheduler both published an end, the earlier one is shown."""
    operation = await begun(ready)
    tell(ready, operation, ENDS["timed_out"], "scheduler")
    tell(ready, operation, ENDS["succeeded"])
    path = f"/v1/operations/{operation}"
    answer = await ready.admin.problem("POST", f"{path}:cancel", {}, status=409, slug="operation-finished")
    assert "timed_out" in answer["detail"]


async def test_a_running_operation_is_asked_to_stop_once(ready: Harness) -> None:
    """Cancelling twice is one cancellation; abandoning is another request, which is published as such."""
    operation = await begun(ready)
    for body in ({}, {"reason": "again"}, {"abandon": True}):
        shown = (await ready.admin.post(f"/v1/operations/{operation}:cancel", body, expect=202)).json()
        assert (shown["id"], shown["cancel_requested"]) == (operation, True)
    told = {one.headers["Nats-Msg-Id"] for one in ready.bus.streams["EVENTS"]}
    assert len(told) == 2


async def test_what_the_scheduler_ended_can_still_be_abandoned(ready: Harness) -> None:
    """An operation that was begun and timed out holds its mesh: a cancel says how to free it, and abandon does."""
    operation = await begun(ready)
    path = f"/v1/operations/{operation}:cancel"
    tell(ready, operation, operations.OperationStarted(worker="w", adapter_version="1", attempt=1))
    tell(ready, operation, ENDS["timed_out"], "scheduler")
    answer = await ready.admin.problem("POST", path, {}, status=409, slug="operation-finished")
    assert "`abandon` would skip" in answer["detail"]
    await ready.admin.post(path, {"abandon": True}, expect=202)
    tell(ready, operation, ENDS["cancelled"])
    await ready.admin.problem("POST", path, {"abandon": True}, status=409, slug="operation-finished")


async def test_an_operation_is_read_from_its_command_until_a_view_has_it(ready: Harness) -> None:
    """A newly accepted operation is readable, in its own workspace only; later the view's document and its ETag are
    returned.
    """
    operation = await begun(ready)
    path = f"/v1/operations/{operation}"
    answer = await ready.admin.ask("GET", path)
    assert (answer.json()["state"], answer.headers.get("etag")) == ("accepted", None)
    stranger = ready.person("admin", "default")
    assert (await stranger.get(path))["id"] == operation
    seen = msgspec.structs.replace(msgspec.convert(answer.json(), operations.Operation), state="running", last_seq=7)
    ready.views.documents["operations", operation] = (seen, 7)
    answer = await ready.admin.ask("GET", path)
    assert (answer.json()["state"], answer.headers["etag"]) == ("running", '"7"')
    unchanged = await ready.admin.ask("GET", path, If_None_Match='"7"', expect=304)
    assert unchanged.content == b""
    await ready.admin.problem("GET", f"/v1/operations/{ids.fresh()}", status=404, slug="not-found")


async def test_a_letter_is_replaced_by_one_operation_whoever_asks(ready: Harness) -> None:
    """Replays with different keys, by different people, and a retry: a letter is closed by the first, once."""
    operation = await begun(ready)
    letter(ready, operation)
    path = f"/v1/deadletters/{operation}:replay"
    other = ready.person("operator")
    made = [
        await who.post(path, {}, Idempotency_Key=key, expect=202) for who, key in ((ready.admin, "a"), (other, "b"))
    ]
    assert len({answer.json()["id"] for answer in made}) == 1
    assert len(commands(ready)) == 2
    marks = [one for one in ready.bus.streams["DEADLETTERS"] if one.type.endswith("replayed.v1")]
    assert len(marks) == 1


async def test_of_a_replay_and_a_drop_at_the_same_moment_one_is_refused(ready: Harness) -> None:
    """Dropping a dead letter that was just replayed is refused, and the mark of the replay stays."""
    operation = await begun(ready)
    letter(ready, operation)
    rival = dead_letters.DeadLetterReplayed(operation=operation, replaced_by=ids.fresh(), principal="rival")
    subject = f"mw.dlq.default.trial.{operation}"
    ready.bus.before_store = lambda: ready.bus.put(subject, rival.wire.name, catalog.encode(rival))
    await ready.admin.problem("DELETE", f"/v1/deadletters/{operation}", status=412, slug="stale")
    ready.bus.before_store = lambda: None
    await ready.admin.ask("DELETE", f"/v1/deadletters/{operation}?validate_only=true", expect=204)
    assert ready.bus.streams["DEADLETTERS"][-1].type == rival.wire.name
    await ready.admin.ask("DELETE", f"/v1/deadletters/{operation}", expect=204)
    await ready.admin.problem("DELETE", f"/v1/deadletters/{operation}", status=404, slug="not-found")
    await ready.admin.problem("POST", f"/v1/deadletters/{operation}:replay", {}, status=404, slug="not-found")
