"""What the API says while its servers are away: the truth, soon, and everything works again afterwards."""

import asyncio
import signal
from typing import Any

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import MongoServer
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers


async def person(stack: Stack) -> Person:
    """An admin of the default workspace."""
    return Person(httpx.AsyncClient(base_url=stack.url, timeout=30), TOKEN, "default")


async def timed(asked: Any) -> float:
    """How long a request took, in seconds."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    await asked
    return loop.time() - begin


async def test_without_nats_writes_are_refused_and_nothing_arrives_late(alone: Stack) -> None:
    """Writes are 503 with Retry-After within about two seconds; what was refused is not written afterwards."""
    await asyncio.to_thread(alone.start_all)
    admin = await person(alone)
    await admin.put("/v1/connections/before", {"kind": "envoy-fleet"})
    await alone.nats.kill()
    refused = admin.problem(
        "PUT", "/v1/connections/during", {"kind": "envoy-fleet"}, status=503, slug="bus-unavailable"
    )
    assert await timed(refused) < 8
    answer = await admin.ask("PUT", "/v1/connections/during", {"kind": "envoy-fleet"}, expect=503)
    assert answer.headers["retry-after"]
    ready = await admin.get("/readyz", expect=503)
    assert (ready["ready"], ready["bus"]["ok"], ready["store"]["ok"]) == (False, False, True)
    assert (await admin.get("/v1/connections/before"))["id"] == "before"
    assert (await admin.get("/healthz"))["status"] == "alive"
    await alone.nats.start()
    await eventually(lambda: admin.get("/readyz"))
    after = await admin.put("/v1/connections/after", {"kind": "envoy-fleet"})
    params = {"min_seq": after.headers["meshwright-seq"]}
    listed = await eventually(lambda: admin.get("/v1/connections", params=params))
    assert [one["id"] for one in listed["items"]] == ["after", "before"]
    await admin.client.aclose()


async def test_without_mongodb_reads_are_refused_and_writes_work(alone: Stack) -> None:
    """Reads are 503 within about two seconds; writes, previews, tokens, the event stream and each operation go on."""
    async with MongoServer() as mongo:
        alone.mongo = mongo
        await asyncio.to_thread(alone.start_all)
        admin = await person(alone)
        await admin.mesh()
        await mongo.kill()
        refused = admin.problem("GET", "/v1/meshes", status=503, slug="store-unavailable")
        assert await timed(refused) < 8
        made = await admin.put("/v1/connections/during", {"kind": "envoy-fleet"})
        secret = (await admin.post("/v1/tokens", {"id": "t", "role": "operator"})).json()["secret"]
        other = Person(admin.client, secret, "default")
        await eventually(lambda: other.get("/v1/whoami"))
        started = await other.post("/v1/operations", {"kind": "trial.noop", "mesh": "m1"}, expect=202)
        ready = await admin.get("/readyz", expect=503)
        assert (ready["bus"]["ok"], ready["store"]["ok"]) == (True, False)
        assert (await admin.done(started.json()["id"]))["state"] == "succeeded"
        await mongo.start()
        params = {"min_seq": made.headers["meshwright-seq"]}
        assert await eventually(lambda: admin.get("/v1/connections/during", params=params))
        await admin.client.aclose()


async def test_a_worker_that_goes_makes_its_operations_refused(alone: Stack) -> None:
    """Without a live worker a new operation is 503 and stores nothing; when one comes it is accepted."""
    await asyncio.to_thread(alone.start_all)
    admin = await person(alone)
    await admin.mesh()
    await asyncio.to_thread(alone.stop, "meshwright-adapter")
    body = {"kind": "trial.noop", "mesh": "m1"}
    result = await eventually(
        lambda: admin.problem("POST", "/v1/operations", body, status=503, slug="adapter-unavailable")
    )
    assert "trial" in result["detail"]
    alone.start("meshwright-adapter", "trial_adapter:trial")
    answer = await eventually(lambda: admin.post("/v1/operations", body, expect=202))
    assert (await admin.done(answer.json()["id"]))["state"] == "succeeded"
    await admin.client.aclose()


async def test_a_read_that_waits_in_vain_says_so(alone: Stack) -> None:
    """`min_seq` beyond what is projected is 504 after a bounded wait."""
    await asyncio.to_thread(alone.start_all)
    admin = await person(alone)
    refused = admin.problem("GET", "/v1/connections?min_seq=999999", status=504, slug="not-yet-visible")
    assert 1.5 < await timed(refused) < 10
    await admin.client.aclose()


async def test_ready_means_that_somebody_projects(alone: Stack) -> None:
    """Not before the first projector, and not when it hangs, however few events are missing."""
    await asyncio.to_thread(alone.start_api)
    admin = await person(alone)
    ready = await admin.get("/readyz", expect=503)
    assert (ready["store"]["ok"], ready["views"]["detail"]) == (True, "no projector has ever run")
    projector: Any = await asyncio.to_thread(alone.start, "meshwright-projector")
    ready = await eventually(lambda: admin.get("/readyz"))
    assert (ready["views"]["ok"], ready["age"] < 5) == (True, True)
    projector.send_signal(signal.SIGSTOP)
    try:
        ready = await eventually(lambda: admin.get("/readyz", expect=503))
    finally:
        projector.send_signal(signal.SIGCONT)
    assert ready["views"]["detail"].startswith("no projector is running: its last heartbeat is")
    assert (ready["store"]["ok"], ready["bus"]["ok"]) == (True, True)
    await eventually(lambda: admin.get("/readyz"))
    await admin.client.aclose()
