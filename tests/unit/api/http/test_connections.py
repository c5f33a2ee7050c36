"""Who gets a place, who gives way, and who is cut: one connection's rules, without a network."""

import asyncio
import time
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from meshwright.core.telemetry.metrics import Registry
from meshwright.core.testing.eventually import eventually
from meshwright.ui_api.http.meters import Meters
from meshwright.ui_api.http.refusals import Refusals
from meshwright.ui_api.http.server import connections
from meshwright.ui_api.http.server.connections import Connections
from meshwright.ui_api.http.server.protocol import Limited


class Wire:
    """A transport that records what was written, and how much of it is still unread."""

    def __init__(self) -> None:
        self.written = b""
        self.unread = 0
        self.state = "open"

    def write(self, data: bytes) -> None:
        """Bytes for the client."""
        assert self.state == "open"
        self.written += data

    def write_eof(self) -> None:
        """Nothing more is written."""
        self.state = "half closed"

    def close(self) -> None:
        """End it in good order."""
        self.state = "closed"

    def abort(self) -> None:
        """End it at once."""
        self.state = "aborted"

    def is_closing(self) -> bool:
        """Whether it is ended from here."""
        return self.state in ("closed", "aborted")

    def get_write_buffer_size(self) -> int:
        """Bytes that the client has not read."""
        return self.unread

    def get_extra_info(self, name: str) -> Any:
        """Nothing is known of the other side."""
        return None

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


async def answering(scope: Any, receive: Any, send: Any) -> None:
    """An application that has one answer."""
    headers = [(b"content-length", b"2"), *([(b"connection", b"close")] if scope["path"] == "/last" else [])]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


class House:
    """Connections of a small server."""

    def __init__(self, most: int = 3) -> None:
        self.registry = Registry()
        self.all = Connections(self.registry, most)
        self.config = uvicorn.Config(answering, http=Limited, log_config=None, lifespan="off")
        self.state = ServerState()
        self.tasks: set[asyncio.Task[None]] = self.state.tasks

    def come(self) -> tuple[Limited, Wire]:
        """A client connects."""
        meters = Meters()
        result = Limited(
            self.all, meters, Refusals(meters), 10.0, config=self.config, server_state=self.state, app_state={}
        )
        transport = Wire()
        result.connection_made(transport)  # type: ignore[arg-type]
        return result, transport

    async def ask(self, one: Limited, *, token: bool = False) -> None:
        """A request and its answer."""
        one.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        one.authenticated = one.authenticated or token
        await asyncio.gather(*self.tasks)


@pytest.fixture
async def house() -> House:
    """A server with three places."""
    return House()


async def test_the_oldest_stranger_gives_way(house: House) -> None:
    """The unauthenticated connection that has waited longest is closed for a new one, never an authenticated one."""
    known, known_wire = house.come()
    await house.ask(known, token=True)
    first, first_wire = house.come()
    _, second_wire = house.come()
    await house.ask(first)  # it has asked since, so the second has waited longer
    house.come()
    assert (known_wire.state, first_wire.state, second_wire.state) == ("open", "open", "aborted")
    house.come()
    assert (known_wire.state, first_wire.state) == ("open", "aborted")


async def test_the_longest_idle_gives_way_when_all_are_known(house: House) -> None:
    """Without unauthenticated ones, the authenticated connection that was idle longest is closed."""
    known = [house.come() for _ in range(3)]
    for one, _ in known:
        await house.ask(one, token=True)
    await house.ask(known[0][0])
    house.come()
    assert [wire.state for _, wire in known] == ["open", "aborted", "open"]


async def test_who_is_at_work_is_never_cut(house: House) -> None:
    """While all connections are busy, a new one is refused; when one is done, the next is admitted."""
    busy = [house.come() for _ in range(3)]
    for one, _ in busy:
        one.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    _, refused = house.come()
    assert refused.written.startswith(b"HTTP/1.1 503 ")
    assert refused.state == "closed"
    await asyncio.gather(*house.tasks)
    _, welcome = house.come()
    assert welcome.written == b""
    assert [wire.state for _, wire in busy].count("aborted") == 1


async def test_an_answer_that_is_not_read_is_given_up(house: House) -> None:
    """A client has a minute to read the last bytes; one that reads in between has it again."""
    one, wire = house.come()
    await house.ask(one)
    now = time.monotonic()
    wire.unread = 1000
    assert one.overdue(now) is None
    assert one.overdue(now + 59) is None
    wire.unread = 0
    assert one.overdue(now + 60) is None
    wire.unread = 1000
    assert one.overdue(now + 61) is None
    assert one.overdue(now + 130) == "unread"
    house.all.close(one, "unread")
    assert wire.state == "aborted"


async def test_after_the_last_answer_nothing_is_answered(house: House) -> None:
    """After a response that ends the connection no other is sent, whatever was requested behind it; the input is
    drained.
    """
    one, wire = house.come()
    one.data_received(b"GET /last HTTP/1.1\r\nHost: x\r\n\r\nPUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc")
    await asyncio.gather(*house.tasks)
    assert not house.tasks
    assert wire.written.count(b"HTTP/1.1 ") == 1
    assert wire.state == "half closed"
    one.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert not house.tasks
    assert one.overdue(time.monotonic() + 3) == "rest-timeout"
    house.all.close(one, "rest-timeout")
    assert wire.state == "aborted"


async def test_a_head_has_its_time_from_its_first_byte(house: House) -> None:
    """Ten seconds from the connection or from the first byte of a later head, however many bytes come meanwhile."""
    one, _ = house.come()
    now = time.monotonic()
    assert one.overdue(now + 9) is None
    assert one.overdue(now + 11) == "head-timeout"
    await house.ask(one)
    assert one.overdue(now + 1000) is None  # idle, which is uvicorn's to end
    one.data_received(b"GET / HT")
    begun = one._deadline
    one.data_received(b"TP/1.1\r\n")
    assert one._deadline == begun
    assert one.overdue(begun + 1) == "head-timeout"


async def test_the_sweep_closes_what_is_overdue(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that keeps the process waiting is closed, with the reason, and counted."""
    monkeypatch.setattr(connections, "_SWEEP_S", 0.01)
    silent, silent_wire = house.come()
    half, half_wire = house.come()
    half.data_received(b"GET / HT")
    silent._deadline = half._deadline = time.monotonic() - 1
    sweeping = asyncio.create_task(house.all.sweep())
    await eventually(lambda: silent_wire.is_closing() and half_wire.is_closing())
    sweeping.cancel()
    assert silent_wire.written == b""
    assert half_wire.written.startswith(b"HTTP/1.1 408 ")
    assert 'reason="head-timeout"} ' in house.registry.text()


def test_more_connections_than_files_are_refused_at_the_start() -> None:
    """A number that cannot be kept is an error with its remedy, and without one there is room as far as files go."""
    assert 0 < connections.places(None) <= connections.MOST
    assert connections.places(7) == 7
    with pytest.raises(OSError, match="ulimit"):
        connections.places(2**40)
