"""Asking a live worker, being present, holding a lease: what each promises when something goes wrong."""

import asyncio
import datetime
import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

import msgspec
import pytest

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.bus.client import requesting, serving
from meshwright.core.bus.kv import leases, presence
from meshwright.core.testing.eventually import eventually
from meshwright.core.testing.servers import NatsServer
from meshwright.schemas import subjects
from meshwright.schemas.adapters import AdapterAnnouncement, AdapterFailed
from meshwright.schemas.errors import Failure

pytestmark = pytest.mark.servers
FAILURE = Failure(code="X1", what="no: ünï\r\ncode", cause="because", remedy="do not ask")


@pytest.fixture
async def bus(nats_server: NatsServer) -> AsyncIterator[mwbus.Connection]:
    """A connection to this test's own server."""
    async with mwbus.connect(nats_server.url, "tester") as connection:
        yield connection


async def echo(payload: bytes) -> bytes:
    """The payload."""
    return payload


async def refuse(_: bytes) -> bytes:
    """A considered no."""
    raise serving.Refusal(FAILURE)


async def fail(_: bytes) -> bytes:
    """A defect."""
    raise RuntimeError("it broke\r\nX: y")


async def wordy(_: bytes) -> bytes:
    """More than a message may hold, unless it is compressed."""
    return b"x" * (2 * 2**20)


async def too_much(_: bytes) -> bytes:
    """More than a message may hold, however it is sent."""
    return random.Random(0).randbytes(2 * 2**20)


async def test_an_answer_a_refusal_or_a_reason(bus: mwbus.Connection) -> None:
    """The requester gets at once the answer, the complete failure, or the exception of the endpoint."""
    endpoints: dict[str, serving.Endpoint] = {
        "echo": echo,
        "refuse": refuse,
        "fail": fail,
        "wordy": wordy,
        "too-much": too_much,
    }
    async with serving.serving(bus, "envoy", "1.0.0", endpoints), asyncio.timeout(30):
        for payload in (b"", b"\xff\x00", b"x" * 900_000):
            assert await requesting.request(bus, "envoy", "echo", payload) == payload
        with pytest.raises(requesting.ServiceRefused) as refused:
            await requesting.request(bus, "envoy", "refuse", b"")
        assert (refused.value.code, refused.value.failure) == ("422", FAILURE)
        for endpoint, code, words in (("fail", "500", "RuntimeError"), ("too-much", "413", "2097152 bytes")):
            with pytest.raises(requesting.ServiceRefused) as broken:
                await requesting.request(bus, "envoy", endpoint, b"")
            assert broken.value.code == code
            assert words in broken.value.failure.what
        assert await requesting.request(bus, "envoy", "wordy", b"") == await wordy(b"")
        with pytest.raises(mwbus.TooLarge, match="2097152 bytes"):
            await requesting.request(bus, "envoy", "echo", bytes(2 * 2**20))
        assert await requesting.request(bus, "envoy", "echo", b"on") == b"on"


async def test_a_refused_connection_is_reported_at_once_and_silence_in_time(bus: mwbus.Connection) -> None:
    """Without a worker there is no waiting; one that is slow is given up after the caller's own time."""

    async def sleep(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with asyncio.timeout(30):
        with pytest.raises(requesting.NoWorker, match="no live envoy worker"):
            await requesting.request(bus, "envoy", "echo", b"")
    async with serving.serving(bus, "envoy", "1.0.0", {"sleep": sleep}):
        with pytest.raises(requesting.Slow, match=r"within 0\.2 s"):
            await requesting.request(bus, "envoy", "sleep", b"", timeout=0.2)
    async with asyncio.timeout(30):
        with pytest.raises(requesting.NoWorker, match="no live"):
            await requesting.request(bus, "envoy", "sleep", b"", timeout=20)


async def test_small_questions_do_not_wait_for_large_ones(bus: mwbus.Connection) -> None:
    """With more large questions open than a worker answers at a time, a small one is answered at once."""
    go = asyncio.Event()

    async def weigh(payload: bytes) -> bytes:
        if payload:
            await go.wait()
        return b"done"

    async with serving.serving(bus, "envoy", "1.0.0", {"weigh": weigh}):
        large = [asyncio.create_task(requesting.request(bus, "envoy", "weigh", bytes(20_000))) for _ in range(10)]
        for _ in range(20):
            assert await requesting.request(bus, "envoy", "weigh", b"", timeout=10) == b"done"
        assert not any(task.done() for task in large)
        go.set()
        assert await asyncio.gather(*large) == [b"done"] * 10


async def test_more_questions_than_a_worker_keeps_are_refused(
    bus: mwbus.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests beyond the limit are refused at once; slow ones time out, and open ones end at shutdown."""
    monkeypatch.setattr(serving, "_MAX_OPEN", 3)
    monkeypatch.setattr(serving, "_TIMEOUT", 1.0)

    async def sleep(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with serving.serving(bus, "envoy", "1.0.0", {"sleep": sleep}):
        asked = [asyncio.create_task(requesting.request(bus, "envoy", "sleep", b"")) for _ in range(5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert (
            sorted(one.code for one in answers if isinstance(one, requesting.ServiceRefused))
            == ["503"] * 2 + ["504"] * 3
        )
        left = asyncio.create_task(requesting.request(bus, "envoy", "sleep", b"", timeout=0.2))
        with pytest.raises(requesting.Slow):
            await left


async def test_silence_of_nats_is_not_blamed_on_the_worker(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """A server that stands still while a worker is asked is an unavailable bus."""

    async def sleep(_: bytes) -> bytes:
        await asyncio.Event().wait()
        return b""

    async with serving.serving(bus, "envoy", "1.0.0", {"sleep": sleep}):
        asked = asyncio.create_task(requesting.request(bus, "envoy", "sleep", b"", timeout=1.0))
        await asyncio.sleep(0)
        os.kill(nats_server.pid, signal.SIGSTOP)
        try:
            with pytest.raises(mwbus.BusUnavailable):
                await asked
        finally:
            os.kill(nats_server.pid, signal.SIGCONT)


async def test_a_message_that_is_too_large_says_so(bus: mwbus.Connection) -> None:
    """A message above the limit is refused at once with both sizes, not as an outage after every attempt."""
    failed = AdapterFailed(name="envoy", instance="i", reason="x" * 2**21)
    async with asyncio.timeout(30):
        with pytest.raises(mwbus.TooLarge, match=r"2097195 bytes exceed the server.s limit of 1048576"):
            await bus.publisher.publish("mw.evt.system.envoy.adapter.envoy", failed)


async def test_of_several_workers_one_answers(bus: mwbus.Connection, nats_server: NatsServer) -> None:
    """Each question has one answer; when a worker ends, the others answer all."""
    asked: list[str] = []

    def named(name: str) -> serving.Endpoint:
        async def answer(payload: bytes) -> bytes:
            asked.append(name)
            return name.encode() + payload

        return answer

    async with (
        mwbus.connect(nats_server.url, "w2") as other,
        serving.serving(bus, "envoy", "1.0.0", {"who": named("a")}),
    ):
        async with serving.serving(other, "envoy", "1.0.0", {"who": named("b")}):
            for number in range(20):
                await requesting.request(bus, "envoy", "who", b"%d" % number)
            assert len(asked) == 20
        for _ in range(5):
            assert await requesting.request(bus, "envoy", "who", b"") == b"a"


def announcement(instance: str) -> AdapterAnnouncement:
    """A worker."""
    return AdapterAnnouncement(
        name="envoy",
        instance=instance,
        version="1",
        contract=1,
        meshes=[],
        operations=[],
        intents=[],
        started_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC),
    )


async def test_presence_lasts_as_long_as_the_block(
    bus: mwbus.Connection, nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is renewed through a restart of the server that has forgotten it, and goes at once when the block ends."""
    monkeypatch.setattr(presence, "TTL", 1.5)
    bucket = await presence.open_presence(bus)
    async with presence.announced(bus, announcement("i1")), presence.announced(bus, announcement("i2")):
        await eventually(lambda: keys_are(bucket, ["envoy.i1", "envoy.i2"]))
        answer = await bucket.get("envoy.i1")
        assert answer is not None
        assert msgspec.json.decode(answer.value, type=AdapterAnnouncement) == announcement("i1")
        await nats_server.restart()
        await bus.js.purge_stream(f"KV_{subjects.PRESENCE.name}")
        await eventually(lambda: keys_are(bucket, ["envoy.i1", "envoy.i2"]))
    assert await bucket.keys() == []


async def keys_are(bucket: mwbus.Bucket, wanted: list[str]) -> bool:
    """Whether just these have a value."""
    return await bucket.keys() == wanted


def forever(name: str, log: list[str]) -> Callable[[], Awaitable[None]]:
    """Work that never ends by itself."""

    async def work() -> None:
        log.append(f"{name} begins")
        try:
            await asyncio.Event().wait()
        finally:
            log.append(f"{name} ends")

    return work


@pytest.mark.parametrize("how", ["returns", "raises", "cancelled"])
async def test_a_lease_is_free_as_soon_as_its_work_is_over(bus: mwbus.Connection, how: str) -> None:
    """However the work ends, the next one begins long before the lease would have expired; errors are passed on."""
    log: list[str] = []
    go = asyncio.Event()

    async def work() -> None:
        log.append("first begins")
        await go.wait()
        if how == "raises":
            raise RuntimeError("it broke")

    first = asyncio.create_task(leases.hold(bus, "one", "first", work))
    await eventually(lambda: log == ["first begins"])
    second = asyncio.create_task(leases.hold(bus, "one", "second", forever("second", log)))
    if how == "cancelled":
        await ending.end(first)
    go.set()
    outcome = (await asyncio.gather(first, return_exceptions=True))[0]
    kinds = {"returns": type(None), "raises": RuntimeError, "cancelled": asyncio.CancelledError}
    assert isinstance(outcome, kinds[how])
    await eventually(lambda: log == ["first begins", "second begins"], timeout=leases.TTL - 2)
    await ending.end(second)


async def test_whoever_lost_its_lease_stops_and_frees_nobody_elses(
    bus: mwbus.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder that finds another's name in its place ends its work, leaves that lease alone, and waits again."""
    monkeypatch.setattr(leases, "TTL", 0.9)
    log: list[str] = []
    holding = asyncio.create_task(leases.hold(bus, "one", "first", forever("first", log)))
    await eventually(lambda: log == ["first begins"])
    bucket = await mwbus.open_bucket(bus, "mw_leases")
    await bucket.put("one", b"usurper")
    await eventually(lambda: log == ["first begins", "first ends"])
    answer = await bucket.get("one")
    assert answer is not None
    assert answer.value == b"usurper"
    await eventually(lambda: log[2:] == ["first begins"])  # it has expired, as nobody renews it
    await ending.end(holding)
    assert log[3:] == ["first ends"]
