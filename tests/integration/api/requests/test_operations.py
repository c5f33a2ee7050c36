"""From a request to a done operation: acceptance, idempotency, previews, cancel, retry."""

import asyncio
import datetime
import uuid
from typing import Any

import httpx
import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.sending import command
from meshwright.schemas import subjects
from meshwright.schemas.operations import (
    EnrolWorkloadsV1,
    OperationCancelled,
    OperationTimedOut,
    WithdrawWorkloadsV1,
)
from meshwright.schemas.workloads import WorkloadSpec
from rig.stack.people import TIMEOUT, WORKLOAD, Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers
DESIGN = {"intents": [TIMEOUT]}


def noop(**more: Any) -> dict[str, Any]:
    """An operation that does nothing."""
    return {"kind": "trial.noop", "mesh": "m1", **more}


async def test_an_accepted_operation_is_readable_at_once_and_ends(admin: Person) -> None:
    """202 names the operation, which can be read without waiting for any view, and ends with its history."""
    await admin.mesh()
    answer = await admin.post("/v1/operations", noop(reason="to see"), expect=202)
    accepted = answer.json()
    assert answer.headers["location"] == f"/v1/operations/{accepted['id']}"
    assert (accepted["state"], accepted["reason"], accepted["done"]) == ("accepted", "to see", False)
    shown = await admin.get(answer.headers["location"])
    assert (shown["id"], shown["kind"]) == (accepted["id"], "trial.noop")
    ended = await admin.done(accepted["id"])
    assert (ended["state"], ended["trace_id"]) == ("succeeded", accepted["trace_id"])
    listed = await admin.get("/v1/operations", params={"kind": "trial.noop", "done": "true"})
    assert [one["id"] for one in listed["items"]] == [accepted["id"]]


async def test_the_same_key_gives_the_same_operation(admin: Person) -> None:
    """Twenty requests with one key, at once and later, are one operation; another body with it is refused."""
    await admin.mesh()
    key = str(uuid.uuid4())
    asked = [admin.post("/v1/operations", noop(), Idempotency_Key=f'"{key}"', expect=202) for _ in range(20)]
    answers = await asyncio.gather(*asked)
    assert len({answer.json()["id"] for answer in answers}) == 1
    later = await admin.post("/v1/operations", noop(), Idempotency_Key=key, expect=202)
    assert later.json() == answers[0].json()
    assert later.headers["meshwright-seq"] == answers[0].headers["meshwright-seq"]
    await admin.problem(
        "POST",
        "/v1/operations",
        noop(reason="another"),
        Idempotency_Key=key,
        status=422,
        slug="idempotency-key-reused",
    )
    await admin.done(later.json()["id"])
    listed = await admin.get("/v1/operations", params={"kind": "trial.noop"})
    assert len(listed["items"]) == 1


async def test_a_repeated_request_is_answered_even_when_the_mesh_is_gone(admin: Person) -> None:
    """The answer to a repeated key does not depend on what has changed since."""
    await admin.mesh()
    first = await admin.ask("DELETE", "/v1/meshes/m1", Idempotency_Key="bye", expect=202)
    await admin.done(first.json()["id"])
    await eventually(lambda: admin.ask("DELETE", "/v1/meshes/m1", expect=404))
    again = await admin.ask("DELETE", "/v1/meshes/m1", Idempotency_Key="bye", expect=202)
    assert again.json()["id"] == first.json()["id"]


async def test_keys_of_different_people_do_not_meet(admin: Person) -> None:
    """An Idempotency-Key belongs to who sent it."""
    await admin.mesh()
    other = await admin.token_of("operator")
    mine = await admin.post("/v1/operations", noop(), Idempotency_Key="k")
    theirs = await other.post("/v1/operations", noop(), Idempotency_Key="k")
    assert mine.json()["id"] != theirs.json()["id"]


async def test_a_design_is_previewed_applied_and_seen_as_a_release(admin: Person) -> None:
    """translate, diff and validate show the effect before; apply has it and makes a release."""
    await admin.mesh()
    await admin.put("/v1/designs/slow", DESIGN)
    on_mesh = {"mesh": "m1"}
    translated = (await admin.post("/v1/designs/slow:translate", on_mesh)).json()
    assert translated["translations"][0]["resources"][0]["ref"]["kind"] == "Timeout"
    assert (await admin.post("/v1/designs/slow:diff", on_mesh)).json()["diff"][0]["change"] == "create"
    assert (await admin.post("/v1/designs/slow:validate", on_mesh)).json() == {"valid": True, "errors": []}
    unsaved = {"mesh": "m1", "design": {"id": "slow", "intents": [TIMEOUT | {"timeout": "9s"}]}}
    assert "seconds: 9s" in (await admin.post("/v1/designs/slow:diff", unsaved)).json()["diff"][0]["after"]
    tried = await admin.post("/v1/designs/slow:apply", on_mesh, params={"validate_only": "true"}, expect=200)
    assert tried.json()["translations"]
    done = await admin.do("/v1/designs/slow:apply", {**on_mesh, "reason": "go"})
    assert done["state"] == "succeeded"
    releases = await admin.get("/v1/designs/slow/releases", params={"mesh": "m1"})
    assert [(one["revision"], one["reason"], one["operation"]) for one in releases["items"]] == [(1, "go", done["id"])]
    assert (await admin.get(f"/v1/releases/{releases['items'][0]['id']}"))["design"]["id"] == "slow"
    assert await admin.get("/v1/designs/slow/releases/1") == releases["items"][0]
    await admin.problem("GET", "/v1/designs/slow/releases/2", status=404, slug="not-found")
    for service, is_touched in ((TIMEOUT["service"], True), ("another", False)):
        for path, known in (("/v1/releases", releases["items"][0]["id"]), ("/v1/operations", done["id"])):
            acting = await admin.get(path, params={"mesh": "m1", "service": service})
            assert (known in [one["id"] for one in acting["items"]]) is is_touched, (path, service)


async def test_what_the_adapter_refuses_is_refused_at_the_door(admin: Person) -> None:
    """An unknown service and an unsupported intent are 422 with the place and the remedy; nothing is accepted."""
    await admin.mesh()
    before = await admin.get("/v1/operations", params={"kind": "design.apply"})
    await admin.put("/v1/designs/wrong", {"intents": [TIMEOUT | {"service": "nobody"}]})
    answer = await admin.problem("POST", "/v1/designs/wrong:apply", {"mesh": "m1"}, status=422, slug="invalid-document")
    assert answer["errors"][0]["pointer"] == "#/intents/0/service"
    await admin.put("/v1/designs/odd", {"intents": [{"intent": "deny-all"}]})
    answer = await admin.problem("POST", "/v1/designs/odd:apply", {"mesh": "m1"}, status=422, slug="unsupported-intent")
    assert (answer["remedy"], answer["detail"]) == ("timeout", "deny-all: a trial")
    told = (await admin.post("/v1/designs/odd:validate", {"mesh": "m1"})).json()
    assert (told["valid"], len(told["errors"])) == (False, 1)
    assert await admin.get("/v1/operations", params={"kind": "design.apply"}) == before


async def test_a_running_operation_can_be_cancelled_once(admin: Person) -> None:
    """A cancel reaches the worker; after the end it is refused, and so is a retry of a success."""
    await admin.mesh()
    running = (await admin.post("/v1/operations", {"kind": "trial.slow", "mesh": "m1"}, expect=202)).json()["id"]
    path = f"/v1/operations/{running}"
    await admin.problem("POST", f"{path}:retry", {}, status=409, slug="operation-finished")
    answer = await admin.post(f"{path}:cancel", {"reason": "enough"}, expect=202)
    assert answer.json()["cancel_requested"]
    assert (await admin.done(running))["state"] == "cancelled"
    result = await admin.problem("POST", f"{path}:cancel", {}, status=409, slug="operation-finished")
    assert "cancelled" in result["detail"]
    fine = (await admin.do("/v1/operations", noop()))["id"]
    await admin.problem("POST", f"/v1/operations/{fine}:retry", {}, status=409, slug="operation-finished")
    missing = "/v1/operations/01JD8X3M5TZ9Q4W7V2K6N0B1CE:cancel"
    await admin.problem("POST", missing, {}, status=404, slug="not-found")


async def test_what_its_adapter_has_not_ended_can_be_abandoned(alone: Stack) -> None:
    """A timed-out operation whose worker is gone cannot be cancelled any more, but abandoned; one that ended cannot."""
    await asyncio.to_thread(alone.start_all)
    async with (
        httpx.AsyncClient(base_url=alone.url, timeout=30) as client,
        mwbus.connect(alone.nats.url, "scheduler") as bus,
    ):
        admin = Person(client, TOKEN, "default")
        await admin.mesh()
        stuck = (await admin.post("/v1/operations", {"kind": "trial.slow", "mesh": "m1"})).json()["id"]
        begun = subjects.fill(subjects.EVENTS, workspace="default", origin="trial", entity="operation", id=stuck)
        await eventually(lambda: bus.last("EVENTS", begun))
        worker = alone.processes["meshwright-adapter"]
        worker.kill()
        await eventually(lambda: worker.poll() is not None)
        verdict = begun.replace(".trial.", ".scheduler.")
        await bus.publisher.publish(verdict, OperationTimedOut(deadline=datetime.datetime.now(datetime.UTC)))
        path = f"/v1/operations/{stuck}:cancel"
        refused = await admin.problem("POST", path, {}, status=409, slug="operation-finished")
        assert "abandon" in refused["detail"]
        await admin.post(path, {"abandon": True, "reason": "its node is gone"}, expect=202)
        alone.start("meshwright-adapter", "trial_adapter:trial")
        await eventually(lambda: _was_cancelled(bus, begun))
        await admin.problem("POST", path, {"abandon": True}, status=409, slug="operation-finished")
        assert (await admin.done(stuck))["state"] == "timed_out"


async def _was_cancelled(bus: mwbus.Connection, subject: str) -> bool:
    message = await bus.last("EVENTS", subject)
    return message is not None and message.type == OperationCancelled.wire.name


async def test_a_failed_operation_can_be_asked_for_again(admin: Person) -> None:
    """A retry is a new operation that names the failed one."""
    await admin.mesh()
    failed = await admin.do("/v1/operations", {"kind": "trial.fail", "mesh": "m1", "arguments": {}})
    assert (failed["state"], failed["failure"]["code"]) == ("failed", "TR1")
    again = await admin.do(f"/v1/operations/{failed['id']}:retry", {"reason": "once more"})
    assert (again["retry_of"], again["kind"], again["state"]) == (failed["id"], "trial.fail", "failed")


async def test_workloads_come_and_go(admin: Person) -> None:
    """Enrolled workloads are listed, shown and in the graph; a withdrawn one is gone."""
    await admin.mesh()
    second = WORKLOAD | {"name": "reviews-v2", "version": "v2"}
    await admin.do("/v1/meshes/m1/workloads", {"workloads": [second]})
    listed = await admin.get("/v1/workloads", params={"mesh": "m1", "service": "reviews"})
    assert [one["id"] for one in listed["items"]] == ["m1~~process~reviews-v1", "m1~~process~reviews-v2"]
    by_name = await admin.get("/v1/workloads", params={"name": "reviews-v2", "kind": "process", "order_by": "name"})
    assert [one["name"] for one in by_name["items"]] == ["reviews-v2"]
    graph = await admin.get("/v1/meshes/m1/topology")
    node = {"id": "reviews", "namespace": "", "workloads": ["reviews-v1", "reviews-v2"], "versions": ["v1", "v2"]}
    assert [{name: each[name] for name in node} for each in graph["nodes"]] == [node]
    path = "/v1/workloads/m1~~process~reviews-v2"
    assert (await admin.get(path))["version"] == "v2"
    await admin.do(path, method="DELETE")
    await admin.problem("GET", path, status=404, slug="not-found")
    member = {"member": "process", "name": "reviews-v1"}
    await admin.do("/v1/meshes/m1:withdraw", {"members": [member]})
    assert (await admin.get("/v1/workloads", params={"mesh": "m1"}))["items"] == []
    assert (await admin.get("/v1/meshes/m1"))["state"] == "ready"


async def test_equal_names_live_side_by_side(admin: Person) -> None:
    """A workload of the same name in another mesh is another one, which stays when the first one goes."""
    await admin.mesh()
    await admin.do("/v1/meshes", {"id": "m2", "connection": "place", "kind": "trial"})
    await eventually(lambda: admin.get("/v1/meshes/m2"))
    await admin.do("/v1/meshes/m2/workloads", {"workloads": [WORKLOAD]})

    async def there(*meshes: str) -> bool:
        listed = await admin.get("/v1/workloads", params={"name": WORKLOAD["name"]})
        return [one["mesh"] for one in listed["items"]] == list(meshes)

    await eventually(lambda: there("m1", "m2"))
    await admin.do(f"/v1/workloads/m1~~process~{WORKLOAD['name']}", method="DELETE")
    await eventually(lambda: there("m2"))
    await admin.problem("GET", f"/v1/workloads/m1~~process~{WORKLOAD['name']}", status=404, slug="not-found")
    assert (await admin.get(f"/v1/workloads/m2~~process~{WORKLOAD['name']}"))["mesh"] == "m2"


async def test_a_command_of_the_version_before_is_still_done(admin: Person, shared: Stack) -> None:
    """What an older API asks for in its own terms runs, and is asked for in those of today when it is retried."""
    await admin.mesh()
    async with mwbus.connect(shared.nats.url, "test") as bus:
        for arguments, seconds, end in (
            (EnrolWorkloadsV1(workloads=[WorkloadSpec(name="old", service="old", port=1)]), 60, "succeeded"),
            (WithdrawWorkloadsV1(workloads=["old"]), 0, "timed_out"),
        ):
            asked = command(
                seconds=seconds, workspace=admin.workspace, adapter="trial", connection="place",
                kind=arguments.kind.name, version=1, arguments=msgspec.to_builtins(arguments),
            )  # fmt: skip
            tokens = {"workspace": admin.workspace, "adapter": "trial", "connection": "place", "queue": "m1"}
            subject = subjects.fill(subjects.COMMANDS, **tokens, operation=asked.operation)
            await bus.publisher.publish(subject, asked, id=asked.operation, expected_last=0)
            assert (await admin.done(asked.operation))["state"] == end

    async def there(*names: str) -> bool:
        return [one["name"] for one in (await admin.get("/v1/workloads"))["items"]] == list(names)

    await eventually(lambda: there("old", "reviews-v1"))
    again = await admin.do(f"/v1/operations/{asked.operation}:retry", {})
    assert again["arguments"] == {"workloads": [{"member": "process", "namespace": "", "name": "old"}]}
    await eventually(lambda: there("reviews-v1"))


async def test_the_trace_of_the_caller_goes_on_to_the_command(admin: Person, shared: Stack) -> None:
    """The command on the bus and the answer carry the trace id that the client sent."""
    await admin.mesh()
    trace = uuid.uuid4().hex
    answer = await admin.post("/v1/operations", noop(), traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    assert (answer.headers["x-request-id"], answer.json()["trace_id"]) == (trace, trace)
    async with mwbus.connect(shared.nats.url, "test") as bus:
        subject = subjects.fill(subjects.COMMANDS, workspace=admin.workspace, operation=answer.json()["id"])
        stored = await bus.last("COMMANDS", subject)
    assert stored is not None
    assert stored.headers["traceparent"].split("-")[1] == trace


async def test_nothing_lives_on_a_mesh_that_was_removed(admin: Person) -> None:
    """Its releases become removed and its workloads are gone, also for a later mesh of that name."""
    await admin.mesh()
    await admin.put("/v1/designs/slow", {"intents": [TIMEOUT]})
    await eventually(lambda: admin.get("/v1/designs/slow"))
    assert (await admin.do("/v1/designs/slow:apply", {"mesh": "m1"}))["state"] == "succeeded"
    (applied,) = (await admin.get("/v1/designs/slow/releases"))["items"]
    assert applied["state"] == "applied"
    assert (await admin.do("/v1/meshes/m1", method="DELETE"))["state"] == "succeeded"
    await eventually(lambda: admin.ask("GET", "/v1/meshes/m1", expect=404))
    (removed,) = (await admin.get("/v1/designs/slow/releases"))["items"]
    assert removed == applied | {"state": "removed"}
    assert (await admin.get("/v1/releases", params={"state": "applied"}))["items"] == []
    assert (await admin.get("/v1/workloads"))["items"] == []
    assert (await admin.do("/v1/meshes", {"id": "m1", "connection": "place", "kind": "trial"}))["state"] == "succeeded"
    await eventually(lambda: admin.get("/v1/meshes/m1"))
    assert (await admin.get("/v1/workloads"))["items"] == []
    assert (await admin.get("/v1/releases", params={"mesh": "m1", "state": "applied"}))["items"] == []


async def test_a_mesh_says_what_it_can_do_and_what_drifted(admin: Person) -> None:
    """The matrix comes from the mesh's own worker; there is no drift where nothing was changed."""
    await admin.mesh()
    answer = await admin.get("/v1/meshes/m1/intents")
    supported = {each["intent"]: (each["supported"], each["because"]) for each in answer["intents"]}
    assert (answer["mesh"], supported["timeout"], supported["deny-all"]) == ("m1", (True, ""), (False, "a trial"))
    await admin.problem("GET", "/v1/meshes/nowhere/intents", status=404, slug="not-found")
    assert (await admin.get("/v1/drift", params={"mesh": "m1"}))["items"] == []
