"""A client that keeps the API waiting is disconnected, makes room for others, and is counted in the metrics."""

import asyncio
import resource
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager

import httpx
import pytest

from meshwright.core.testing.eventually import eventually
from rig.load.listening import listening
from rig.stack.stack import TOKEN, Stack
from rig.stack.wires import Answer, request, wire

pytestmark = pytest.mark.servers
BEARER = f"Authorization: Bearer {TOKEN}"
MOST = 24
HALF = b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "
UPLOAD = request("/v1/workspaces/w", BEARER, "Content-Type: application/json", "Content-Length: 9", method="PUT")


@pytest.fixture(scope="module")
def narrow(guarded: Stack) -> int:
    """The port of an API with few places for connections."""
    return guarded.start_another_api("narrow", api_connections=str(MOST), api_head_seconds="30")


@contextmanager
def many_files() -> Iterator[None]:
    """As many files for this test's own process as there may be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def counted(port: int, name: str) -> float:
    """A number of `/metrics`, with its labels."""
    async with wire(port) as one:
        answer = await one.ask(request("/metrics"))
        assert answer is not None
        lines = answer.body.decode().splitlines()
    return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)


def closed(reason: str) -> str:
    """The counter of the connections that were closed for that reason."""
    return f'meshwright_http_connections_closed_total{{reason="{reason}"}}'


async def test_a_head_that_does_not_come_ends_the_connection(guarded: Stack) -> None:
    """Half a head is answered 408, also when it arrives slowly; a silent connection is closed without a response."""
    before = await counted(guarded.port, closed("head-timeout"))
    async with wire(guarded.port) as half, wire(guarded.port) as drip, wire(guarded.port) as silent:
        begin = time.monotonic()
        await half.send(HALF)

        async def dripping() -> None:
            while not drip.reader.at_eof() and time.monotonic() - begin < 20:
                await drip.send(b"a")
                await asyncio.sleep(0.05)

        await drip.send(HALF)
        async with asyncio.TaskGroup() as group:
            group.create_task(dripping())
            for one in (half, drip):
                answer = await one.answer()
                assert answer is not None
                assert (answer.status, answer.slug) == (408, "request-timeout")
                assert await one.ends()
            assert await silent.ends()
        assert time.monotonic() - begin < 12
    assert await counted(guarded.port, closed("head-timeout")) == before + 3


async def test_an_idle_connection_is_closed_and_one_in_use_is_not(guarded: Stack) -> None:
    """Two seconds after its last answer a connection ends; until then it is served as often as it asks."""
    before = await counted(guarded.port, closed("idle"))
    async with wire(guarded.port) as one:
        begin = time.monotonic()
        while time.monotonic() - begin < 2.5:
            answer = await one.ask(request())
            assert answer is not None
            assert answer.status == 200
            await asyncio.sleep(0.5)
        assert await one.ends(5)
    assert await counted(guarded.port, closed("idle")) > before


async def test_the_rest_of_a_request_is_not_waited_for(guarded: Stack) -> None:
    """Who was refused and never sends the rest of the body is closed, though it drips on."""
    async with wire(guarded.port) as one:
        answer = await one.ask(request("/v1/workspaces/w", "Content-Length: 1000000", method="PUT"))
        assert answer is not None
        assert answer.status == 401
        begin = time.monotonic()
        while time.monotonic() - begin < 30 and not one.reader.at_eof():
            await one.send(b"a")
            await asyncio.sleep(0.05)
        assert time.monotonic() - begin < 20


async def test_strangers_do_not_hold_up_the_end(guarded: Stack) -> None:
    """SIGTERM ends the process gracefully and in time whatever unauthenticated clients hold open."""
    port = await asyncio.to_thread(guarded.start_another_api, "ending")
    async with AsyncExitStack() as stack:
        for data in [
            HALF,
            b"",
            UPLOAD,
            HALF * 3000,
            request("/v1/workspaces/w", "Content-Length: 9", method="PUT"),
        ] * 10:
            one = await stack.enter_async_context(wire(port))
            await one.send(data)
        begin = time.monotonic()
        assert await asyncio.to_thread(guarded.stop, "ending") == 0
        assert time.monotonic() - begin < 15  # two seconds on a machine that has nothing else to do


async def test_an_event_stream_outlives_every_time_limit(guarded: Stack) -> None:
    """Streams are silent for longer than any connection may wait, and still there."""
    async with listening(guarded.url, TOKEN, "default") as heard:
        await asyncio.sleep(4)
        assert heard.connections == 1
        await _write(guarded)
        await eventually(lambda: heard.frames)
        assert heard.connections == 1


async def _write(stack: Stack) -> None:
    async with httpx.AsyncClient(base_url=stack.url, headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        (await client.put("/v1/connections/told", json={"kind": "envoy-fleet"})).raise_for_status()


async def test_eleven_hundred_half_open_connections_lock_nobody_out(guarded: Stack) -> None:
    """The API may open more files than a shell permits, and serves a client while 1,100 half-open connections exist."""
    port = await asyncio.to_thread(guarded.start_another_api, "usual")
    result = resource.prlimit(getattr(guarded.processes["usual"], "pid"), resource.RLIMIT_NOFILE)  # noqa: B009
    assert result[0] == result[1]
    with many_files():
        async with AsyncExitStack() as stack:
            ones = [await stack.enter_async_context(wire(port)) for _ in range(1100)]
            for number, one in enumerate(ones):
                await one.send(HALF if number % 2 else b"")
            for _ in range(20):
                async with wire(port) as good:
                    begin = time.monotonic()
                    answer = await good.ask(request("/v1/whoami", BEARER))
                    assert answer is not None
                    assert answer.status == 200
                    assert time.monotonic() - begin < 5
            assert await counted(port, "meshwright_http_connections") > 1100
    await eventually(lambda: _few(port))


async def _few(port: int) -> bool:
    return await counted(port, "meshwright_http_connections") < 20


async def test_strangers_give_way_to_newcomers(guarded: Stack, narrow: int) -> None:
    """At the limit, the unauthenticated connection that waits longest is closed, and authenticated ones stay."""
    before = await counted(narrow, closed("displaced"))
    async with AsyncExitStack() as stack:
        known = await stack.enter_async_context(wire(narrow))
        answer = await known.ask(request("/v1/whoami", BEARER))
        assert answer is not None
        for _ in range(5 * MOST):
            stranger = await stack.enter_async_context(wire(narrow))
            await stranger.send(HALF)
        async with wire(narrow) as newcomer:
            answer = await newcomer.ask(request("/v1/whoami", BEARER))
            assert answer is not None
            assert answer.status == 200
        again = await known.ask(request("/v1/whoami", BEARER))
        assert again is not None
        assert again.status == 200
        assert await counted(narrow, closed("displaced")) >= before + 4 * MOST
        assert await counted(narrow, "meshwright_http_connections") <= MOST
    assert "a connection was closed: displaced" in guarded.log("narrow").read_text()


async def test_the_idle_give_way_when_there_are_no_strangers(narrow: int) -> None:
    """Of authenticated connections the one that is idle longest is closed; busy ones stay."""
    async with AsyncExitStack() as stack:
        at_work = await stack.enter_async_context(wire(narrow))
        await at_work.send(UPLOAD)
        for _ in range(2 * MOST):
            one = await stack.enter_async_context(wire(narrow))
            answer = await one.ask(request("/v1/whoami", BEARER))
            assert answer is not None
            assert answer.status == 200
        answer = await at_work.ask(b'{"id":"x"}'[:9])
        assert answer is not None
        assert answer.status == 400  # read to its end, which is not JSON


async def test_a_newcomer_is_reported_when_everybody_is_at_work(narrow: int) -> None:
    """When no connection waits for its client, the next one gets 503 and when to come again, and is counted."""
    async with AsyncExitStack() as stack:
        busy = [await stack.enter_async_context(wire(narrow)) for _ in range(MOST)]
        for one in busy:
            await one.send(UPLOAD)
        refused = await eventually(lambda: _refused(narrow))
        assert refused is not None
        assert refused.slug == "too-many-connections"
        assert refused.headers["retry-after"]
        answer = await busy[0].ask(b'{"id":"x"}'[:9])
        assert answer is not None
        assert answer.status == 400
    assert await eventually(lambda: counted(narrow, "meshwright_http_connections_refused_total")) >= 1


async def _refused(port: int) -> Answer | None:
    async with wire(port) as one:
        answer = await one.ask(request())
    return answer if answer is not None and answer.status == 503 else None
