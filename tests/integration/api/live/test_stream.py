"""The live event stream: everything once, in order, over restarts; filters; resets."""

import asyncio
import socket
from functools import partial
from typing import Any

import httpx
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ids
from meshwright.core.testing.eventually import eventually
from meshwright.schemas import subjects
from meshwright.schemas.operations import OperationProgressed
from rig.load.listening import Listener, listening
from rig.stack.people import Person
from rig.stack.stack import TOKEN, Stack

pytestmark = pytest.mark.servers


async def tell(
    bus: mwbus.Connection, workspace: str, number: int, text: str = "", about: str = "01JD8X3M5TZ9Q4W7V2K6N0B1CE"
) -> int:
    """Publish a progress event as a worker would; its sequence."""
    subject = subjects.fill(subjects.EVENTS, workspace=workspace, origin="trial", entity="operation", id=about)
    message = OperationProgressed(message=text or f"number {number}")
    return (await bus.publisher.publish(subject, message)).seq


async def test_an_operation_is_followed_from_acceptance_to_its_end(admin: Person, shared: Stack) -> None:
    """The stream has all events of an operation, with ids that a later read can wait for."""
    await admin.mesh()
    async with listening(shared.url, TOKEN, admin.workspace, entity="operation") as heard:
        operation = (await admin.post("/v1/operations", {"kind": "trial.noop", "mesh": "m1"})).json()["id"]
        await eventually(lambda: "succeeded" in heard.types)
        assert sorted(heard.types) == ["accepted", "started", "succeeded"]
        last = heard.frames[-1]
        assert last[2]["entity_id"] == operation
        assert last[2]["id"] == last[0]
        shown = await admin.get(f"/v1/operations/{operation}", params={"min_event": last[0]})
        assert shown["state"] == "succeeded"
        assert heard.retry == 1000


async def test_filters_and_workspaces_keep_streams_apart(admin: Person, shared: Stack) -> None:
    """A client gets the events of its own workspace that match its filter, and no others."""
    async with (
        mwbus.connect(shared.nats.url, "test") as bus,
        listening(shared.url, TOKEN, "default") as other,
        listening(shared.url, TOKEN, admin.workspace, type="dev.meshwright.connection") as some,
        listening(shared.url, TOKEN, admin.workspace, operation="01JD8X3M5TZ9Q4W7V2K6N0B1CF") as one,
        listening(shared.url, TOKEN, admin.workspace) as all_of_it,
    ):
        await tell(bus, admin.workspace, 1)
        wanted = await tell(bus, admin.workspace, 2, about="01JD8X3M5TZ9Q4W7V2K6N0B1CF")
        await admin.put("/v1/connections/place", {"kind": "envoy-fleet"})
        await eventually(lambda: some.types == ["written"])
        await eventually(lambda: len(all_of_it.ids) == 3)
        assert one.ids == [wanted]
        assert other.ids == []


async def test_a_client_resumes_exactly_where_it_was(admin: Person, shared: Stack) -> None:
    """Last-Event-ID in a header or in the query gives every later event once, from the ring or from the stream."""
    async with mwbus.connect(shared.nats.url, "test") as bus:
        told = [await tell(bus, admin.workspace, number) for number in range(50)]
        async with listening(shared.url, TOKEN, admin.workspace, last_event_id=told[9]) as heard:
            await eventually(lambda: len(heard.ids) >= 40)
            assert heard.ids == told[10:]
        headers = {"Last-Event-ID": "soon", "Accept": "text/event-stream"}
        await admin.problem("GET", "/v1/events", status=400, slug="invalid-request", **headers)


async def test_the_log_is_searched_by_filter_text_and_time(admin: Person, shared: Stack) -> None:
    """Without an event stream in Accept, the same address is the searchable log, newest first, in pages."""
    async with mwbus.connect(shared.nats.url, "test") as bus:
        told = [await tell(bus, admin.workspace, number, f"word{number}") for number in range(5)]
    params: dict[str, Any] = {"entity": "operation", "page_size": 3, "min_event": told[-1]}
    page = await admin.get("/v1/events", params=params)
    assert [one["id"] for one in page["items"]] == told[:1:-1]
    rest = await admin.get("/v1/events", params=params | {"page_token": page["next_page_token"]})
    assert [one["id"] for one in rest["items"]] == told[1::-1]
    answer = await admin.get("/v1/events", params={"text": "WORD3"})
    assert [one["data"]["message"] for one in answer["items"]] == ["word3"]
    assert (await admin.get("/v1/events", params={"since": "2100-01-01T00:00:00Z"}))["items"] == []


async def test_a_payload_that_is_no_json_harms_nobody(admin: Person, shared: Stack) -> None:
    """Pretty-printed, damaged and binary payloads of other programs are shown on one line, and the next event comes."""
    async with (
        mwbus.connect(shared.nats.url, "test") as bus,
        listening(shared.url, TOKEN, admin.workspace) as heard,
    ):
        subject = subjects.fill(subjects.EVENTS, workspace=admin.workspace, origin="x", entity="thing", id="a")
        for payload in (b'{\n "a": 1\n}', b"{", b"\xff\xfe", b"", b'{"a": "\xff"}'):
            await bus.publisher.store(subject, payload, {"ce-type": "com.example.odd", "Nats-Msg-Id": ids.fresh()})
        last = await tell(bus, admin.workspace, 1)
        await eventually(lambda: last in heard.ids)
        assert [data["data"] for _, _, data in heard.frames[:2]] == [{"a": 1}, "{"]
        assert len(heard.ids) == 6


async def test_ten_restarts_lose_and_repeat_nothing(alone: Stack) -> None:
    """Through ten API restarts under load, half of them kills, a listener gets every event exactly once."""
    alone.start_api()
    told: list[int] = []
    async with (
        mwbus.connect(alone.nats.url, "test") as bus,
        listening(alone.url, TOKEN, "default") as heard,
    ):
        told.append(await tell(bus, "default", 0))
        await eventually(lambda: heard.ids)
        enough = asyncio.Event()

        async def load() -> None:
            while not enough.is_set():
                told.append(await tell(bus, "default", len(told)))
                await asyncio.sleep(0.002)

        loading = asyncio.create_task(load())
        for number in range(10):
            process = alone.processes["meshwright-api"]
            if number % 2:
                process.kill()
            await asyncio.to_thread(alone.stop, "meshwright-api")
            await asyncio.to_thread(alone.start_api)
            await eventually(lambda: heard.connections > number + 1)  # noqa: B023 - awaited at once
        enough.set()
        await loading
        await eventually(lambda: heard.ids and heard.ids[-1] == told[-1])
        assert [event for _, event, _ in heard.frames if event == "reset"] == []
        assert heard.ids == told


async def test_a_client_behind_the_ring_reads_the_stream_and_joins(alone: Stack) -> None:
    """A resume from long ago gives the whole history in order and then the news, without a seam."""
    alone.start_api()
    async with mwbus.connect(alone.nats.url, "test") as bus:
        first = await tell(bus, "default", 0)
        for number in range(10):
            await asyncio.gather(*(tell(bus, "default", number * 500 + one) for one in range(500)))
        async with listening(alone.url, TOKEN, "default", last_event_id=first) as heard:
            more = [await tell(bus, "default", number) for number in range(20)]
            await eventually(lambda: heard.ids and heard.ids[-1] == more[-1])
            assert heard.ids == list(range(first + 1, more[-1] + 1))


async def test_a_trimmed_history_is_reported_as_reset(alone: Stack) -> None:
    """A client that asks for events that have expired gets `reset`, and then new events."""
    alone.start_api()
    async with mwbus.connect(alone.nats.url, "test") as bus:
        told = [await tell(bus, "default", number) for number in range(5000)]
        await bus.js.purge_stream("EVENTS", seq=told[2500])
        async with listening(alone.url, TOKEN, "default", last_event_id=told[0]) as heard:
            await eventually(lambda: heard.frames)
            assert heard.frames[0][1] == "reset"
            assert heard.frames[0][2]["reason"] == "trimmed"
            new = await tell(bus, "default", 1)
            await eventually(lambda: heard.ids == [new])


async def test_a_client_that_does_not_read_is_reset_and_costs_others_nothing(alone: Stack) -> None:
    """A stuck client neither grows the process nor delays others; when it reads again it gets `reset`."""
    alone.start_api()
    async with mwbus.connect(alone.nats.url, "test") as bus, listening(alone.url, TOKEN, "default") as heard:
        with socket.create_connection(("127.0.0.1", alone.port)) as stuck:
            head = f"Host: a\r\nAccept: text/event-stream\r\nAuthorization: Bearer {TOKEN}"
            request = f"GET /v1/events HTTP/1.1\r\n{head}\r\n\r\n"
            stuck.sendall(request.encode())
            stuck.settimeout(5)
            assert b"200 OK" in await asyncio.to_thread(stuck.recv, 1000)
            for _ in range(14):
                result = await asyncio.gather(*(tell(bus, "default", one, "x" * 60_000) for one in range(50)))
                await eventually(partial(_has_heard, heard, max(result)))

            def drain() -> bytes:
                text = b""
                while b'"reason":"slow"' not in text:
                    text = (text + stuck.recv(65536))[-100_000:]
                return text

            assert b"event: reset" in await asyncio.to_thread(drain)


async def test_streams_end_at_shutdown_without_a_word(alone: Stack) -> None:
    """SIGTERM with fifty open streams and a request under way ends in two seconds with status 0 and no traceback."""
    alone.start_api()
    loop = asyncio.get_running_loop()
    headers = {"Authorization": f"Bearer {TOKEN}", "Accept": "text/event-stream"}
    async with httpx.AsyncClient(base_url=alone.url, limits=httpx.Limits(max_connections=60)) as client:
        open_streams = [client.stream("GET", "/v1/events", headers=headers) for _ in range(50)]
        for stream in open_streams:
            await stream.__aenter__()
        begin = loop.time()
        process = alone.processes["meshwright-api"]
        process.terminate()
        await eventually(lambda: process.poll() is not None)
        took = loop.time() - begin
        for stream in open_streams:
            await stream.__aexit__(None, None, None)
    log = alone.log("meshwright-api").read_text()
    assert process.poll() == 0, log
    assert took < 8
    assert "Traceback" not in log
    assert "ERROR" not in log


def _has_heard(listener: Listener, seq: int) -> bool:
    return listener.ids[-1:] == [seq]
