"""One client's stream from its first byte to its end: its position, when it is reset, what remains."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meshwright.core import bus as mwbus
from meshwright.core import ending
from meshwright.core.testing.eventually import eventually
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.live import event_stream, streaming
from meshwright.ui_api.live.streaming import Client, EventFilter, Hub

Harness = Any


class Browser:
    """The other end of a stream: frames as they came. `reading` is awaited for each piece before it is taken."""

    def __init__(self) -> None:
        self.text = b""
        self.gone = asyncio.Event()
        self.reading: Callable[[bytes], Awaitable[None]] | None = None
        self.finished = False

    async def receive(self) -> dict[str, Any]:
        """What ASGI calls to hear of the client."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """What ASGI calls to give to the client."""
        body = message.get("body", b"")
        if self.reading is not None:
            await self.reading(body)
        self.text += body
        self.finished = message["type"] == "http.response.body" and not message.get("more_body")

    @property
    def frames(self) -> list[dict[str, str]]:
        """Every block of lines as its fields."""
        blocks = self.text.decode().split("\n\n")[:-1]
        return [dict(line.split(": ", 1) for line in block.split("\n")) for block in blocks]

    @property
    def ids(self) -> list[int]:
        """The ids of all events that are no reset."""
        return [int(one["id"]) for one in self.frames if "data" in one and "event" not in one]

    @property
    def resets(self) -> list[str]:
        """The data of all resets."""
        return [one["data"] for one in self.frames if one.get("event") == "reset"]


def message(seq: int, payload: bytes = b"{}") -> mwbus.Received:
    """A stored event."""
    subject = "mw.evt.default.envoy.mesh.demo"
    return mwbus.Received(stream="EVENTS", subject=subject, seq=seq, time=0, headers={"ce-type": "t"}, payload=payload)


def tailing(harness: Harness, count: int) -> Hub:
    """The harness's hub as if it had tailed that many events, all of which the stream holds."""
    hub: Hub = harness.api.hub
    harness.bus.streams["EVENTS"] += [message(seq) for seq in range(1, count + 1)]
    hub.first = 1
    hub._keep(harness.bus.streams["EVENTS"])
    hub._started.set()
    return hub


def news(hub: Hub, *seqs: int) -> None:
    """Let the hub hear of these events."""
    hub._keep(message(seq) for seq in seqs)
    hub._wake()


async def opened(
    hub: Hub, after: int | None, browser: Browser, credential: str = "", meters: Meters | None = None
) -> "asyncio.Task[None]":
    """A stream that is being sent to a browser."""
    client = Client(EventFilter(workspace="default"), credential, credential)
    await hub.opened(client, after)
    stream = event_stream.EventStream(hub, client, meters or Meters())
    return asyncio.create_task(stream({"type": "http"}, browser.receive, browser.send))


async def test_a_client_knows_where_it_stands_before_its_first_event(harness: Harness) -> None:
    """The first frame is no event, but has the id to resume behind: a connection that is lost at once loses nothing."""
    hub, browser = tailing(harness, 5), Browser()
    stream = await opened(hub, None, browser)
    await eventually(lambda: browser.frames)
    [hello] = browser.frames
    assert (hello["id"], hello["retry"]) == ("5", "1000")
    browser.gone.set()
    await stream
    news(hub, 6, 7)
    again = Browser()
    stream = await opened(hub, int(hello["id"]), again)
    await eventually(lambda: again.ids == [6, 7])
    again.gone.set()
    await stream


async def test_who_falls_behind_while_being_reset_is_reset_again(harness: Harness) -> None:
    """A client so slow that the ring passes it while it reads the reset is reset again."""
    hub, browser = tailing(harness, 5), Browser()
    stream = await opened(hub, 0, browser)
    await eventually(lambda: browser.ids == [1, 2, 3, 4, 5])
    passed = [2 * streaming.RING, 4 * streaming.RING]

    async def slowly(body: bytes) -> None:
        if b"event: reset" in body and len(passed) > 1:
            news(hub, *range(passed.pop(0), passed[0]))

    browser.reading = slowly
    news(hub, *range(6, passed[0]))
    await eventually(lambda: len(browser.resets) == 2)
    news(hub, passed[0] + 1)
    await eventually(lambda: browser.ids[5:] == [passed[0] + 1])
    browser.gone.set()
    await stream


async def test_what_the_stream_has_forgotten_is_reported_before_the_news(harness: Harness) -> None:
    """A client that resumes before the oldest event gets `trimmed`, once, and then new events."""
    hub, browser = tailing(harness, 9), Browser()
    del harness.bus.streams["EVENTS"][:6]
    del hub._events[:6], hub._seqs[:6]
    hub.first = 7
    meters: Meters = harness.api.meters
    stream = await opened(hub, 2, browser, meters=meters)
    await eventually(lambda: browser.resets == ['{"reason":"trimmed","id":9}'])
    assert 'meshwright_sse_resets_total{reason="trimmed"} 1' in meters.registry.text()
    news(hub, 10)
    await eventually(lambda: browser.ids == [10])
    assert len(browser.resets) == 1
    browser.gone.set()
    await stream


async def test_who_has_read_more_than_there_is_starts_over(harness: Harness) -> None:
    """An id that the stream never had is answered with `rewound`, with the id to resume behind."""
    hub, browser = tailing(harness, 3), Browser()
    stream = await opened(hub, 10**15, browser)
    await eventually(lambda: browser.resets == ['{"reason":"rewound","id":3}'])
    news(hub, 4)
    await eventually(lambda: browser.ids == [4])
    browser.gone.set()
    await stream


async def test_a_client_of_a_faster_process_waits_for_this_one(harness: Harness) -> None:
    """An id that the stream has and this process does not know yet is no reason to start over."""
    hub, browser = tailing(harness, 3), Browser()
    harness.bus.streams["EVENTS"].append(message(4))
    stream = await opened(hub, 4, browser)
    news(hub, 4, 5)
    await eventually(lambda: browser.ids == [5])
    assert browser.resets == []
    browser.gone.set()
    await stream


async def test_nobody_is_reset_before_there_is_a_position_to_resume_from(harness: Harness) -> None:
    """While the ring is being read again a client waits, because its next position is unknown."""
    hub, browser = tailing(harness, 3), Browser()
    stream = await opened(hub, 3, browser)
    await eventually(lambda: browser.frames)
    [client] = hub.clients
    client.stale = "rewound"
    hub._started.clear()
    hub._wake()
    await eventually(lambda: not client.wake.is_set())
    assert browser.resets == []
    hub._started.set()
    hub._wake()
    await eventually(lambda: browser.resets == ['{"reason":"rewound","id":3}'])
    browser.gone.set()
    await stream


async def test_a_stream_that_went_back_to_nothing_is_reported_at_once(harness: Harness) -> None:
    """Clients start over as soon as it is known where they go on, also when there is no event left to wake them."""
    harness.bus.streams["EVENTS"] += [message(seq) for seq in (1, 2, 3)]
    went_back, browser = asyncio.Event(), Browser()

    async def tail(bus: Any, *_: Any, after: mwbus.Position, **__: Any) -> AsyncGenerator[list[mwbus.Received], None]:
        yield [one for one in bus.streams["EVENTS"] if one.seq > after.seq]
        await went_back.wait()
        if bus.streams["EVENTS"]:
            bus.streams["EVENTS"].clear()
            raise mwbus.Rewound("EVENTS went back")
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mwbus, "tail", tail)
        running = asyncio.create_task(harness.api.hub.run())
        stream = await opened(harness.api.hub, 1, browser)
        await eventually(lambda: browser.ids == [2, 3])
        went_back.set()
        await eventually(lambda: browser.resets == ['{"reason":"rewound","id":0}'])
        browser.gone.set()
        await stream
        await ending.end(running)


async def test_whatever_ends_a_stream_leaves_nothing_behind(harness: Harness) -> None:
    """The client leaves, the server stops, the connection breaks, the token is revoked: no place and no task stays."""
    hub = tailing(harness, 1)
    viewer = harness.person("viewer")
    credential = next(iter(harness.directory._tokens))
    tasks = asyncio.all_tasks()
    keeper = asyncio.create_task(event_stream.keep_alive(hub, harness.api.callers))

    async def broken(body: bytes) -> None:
        raise ConnectionResetError

    def cut(browser: Browser) -> None:
        browser.reading = broken
        news(hub, hub.last + 1)

    ends: dict[str, Callable[[Browser], object]] = {
        "leaves": lambda browser: browser.gone.set(),
        "breaks": cut,
        "revoked": lambda browser: harness.directory._forget_token("default", viewer_name(harness)),
        "stops": lambda browser: hub.close(),
    }
    for name, end in ends.items():
        browser = Browser()
        stream = await opened(hub, None, browser, credential)
        await eventually(lambda browser=browser: browser.frames)  # type: ignore[misc]
        assert len(hub.clients) == 1
        end(browser)
        await eventually(stream.done)
        assert stream.exception() is None, name
        assert browser.finished == (name != "breaks"), name
        assert hub.clients == set(), name
    assert viewer.token
    await ending.end(keeper)
    assert asyncio.all_tasks() == tasks


def viewer_name(harness: Harness) -> str:
    """The name of the one token that there is."""
    [token] = harness.directory.tokens("default")
    return str(token.id)


async def test_after_the_end_begins_nobody_new_stays(harness: Harness) -> None:
    """A stream that is opened while the server stops says hello and ends."""
    hub, browser = tailing(harness, 1), Browser()
    hub.close()
    stream = await opened(hub, None, browser)
    await eventually(stream.done)
    assert browser.finished
    assert hub.clients == set()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 3)), max_size=12), st.integers(0, 19), st.integers(0, 3))
async def test_a_reader_of_any_pace_gets_all_or_is_reported(
    doors: type[Harness], bursts: list[tuple[int, int]], start: int, pace: int
) -> None:
    """However events come and however slowly a client reads: ids rise by one, but for gaps that a reset announces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streaming, "RING", 64)
        hub, browser = tailing(doors(), 20), Browser()

        async def slowly(body: bytes) -> None:
            for _ in range(pace):
                await asyncio.sleep(0)

        browser.reading = slowly
        stream = await opened(hub, start, browser)
        await eventually(lambda: browser.ids[-1:] == [20], interval=0.001)
        for count, pause in bursts:
            news(hub, *range(hub.last + 1, hub.last + 1 + count))
            for _ in range(pause):
                await asyncio.sleep(0)
        await eventually(lambda: browser.frames and int(browser.frames[-1]["id"]) == hub.last, interval=0.001)
        browser.gone.set()
        await stream
    place = start
    for frame in browser.frames:
        if frame.get("event") == "reset":
            place = int(frame["id"])
        elif "data" in frame:
            assert int(frame["id"]) == place + 1
            place += 1
    assert place == hub.last
