"""A client that sends too much is refused while sending, and others are not affected."""

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest

from rig.stack.stack import TOKEN, Stack
from rig.stack.wires import Wire, request, wire

pytestmark = pytest.mark.servers
MIB = 2**20
BEARER = f"Authorization: Bearer {TOKEN}"


def _one_header() -> Iterator[bytes]:
    yield b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: "
    for _ in range(64):
        yield b"a" * MIB


def _many_headers() -> Iterator[bytes]:
    yield b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    for _ in range(64):
        yield b"X: a\r\n" * (MIB // 6)


def _long_name() -> Iterator[bytes]:
    yield b"GET /healthz HTTP/1.1\r\nHost: x\r\n"
    for _ in range(64):
        yield b"a" * MIB


def _url() -> Iterator[bytes]:
    yield b"GET /"
    for _ in range(64):
        yield b"a" * MIB


def _blank_lines() -> Iterator[bytes]:
    for _ in range(64):
        yield b"\r\n" * (MIB // 2)


FLOODS = {
    "one header": (_one_header, 431),
    "many headers": (_many_headers, 431),
    "a header's name": (_long_name, 431),
    "a URL": (_url, 414),
    "blank lines": (_blank_lines, 431),
}


async def _pour(one: Wire, flood: Iterator[bytes]) -> int:
    """Send until the server has closed; how much it took."""
    sent = 0
    with contextlib.suppress(OSError):
        for piece in flood:
            one.writer.write(piece)
            await one.writer.drain()
            sent += len(piece)
    return sent


@pytest.mark.parametrize("name", FLOODS)
async def test_a_head_without_end_is_refused_while_it_is_sent(guarded: Stack, name: str) -> None:
    """64 MiB of head get their refusal within the first few, and the connection is closed."""
    flood, status = FLOODS[name]
    async with wire(guarded.port) as one, asyncio.TaskGroup() as group:
        begin = time.monotonic()
        pouring = group.create_task(_pour(one, flood()))
        answer = await one.answer()
        assert answer is not None
        assert answer.status == status
        assert answer.slug == {414: "url-too-long", 431: "headers-too-large"}[status]
        assert answer.headers["connection"] == "close"
        assert time.monotonic() - begin < 20
        assert await one.ends()
        assert await pouring < 32 * MIB


async def test_limits_are_where_they_are_said_to_be(guarded: Stack) -> None:
    """8 KiB of URL, 16 KiB and 100 of header fields are served; a byte or a field more is not."""
    filler = "X: " + "a" * (4096 - 5)  # 4 KiB with the line's end
    host = len("Host") + len("mesh.test") + 4
    last = "Y: " + "a" * (4096 - 5 - host)
    fine = [
        request("/healthz?" + "a" * (8192 - 9), "X: 1"),
        request("/healthz", *[f"X{n}: 1" for n in range(99)]),
        request("/healthz", filler, filler, filler, last),
        request("/healthz?" + "a" * (8192 - 9), filler, filler, filler, last),
    ]
    too_much = {
        request("/healthz?" + "a" * (8192 - 8), "X: 1"): 414,
        request("/healthz", *[f"X{n}: 1" for n in range(100)]): 431,
        request("/healthz", filler, filler, filler, last + "a"): 431,
    }
    for data in fine:
        async with wire(guarded.port) as one:
            answer = await one.ask(data)
            assert answer is not None
            assert answer.status in (200, 400), answer  # 400: the route knows no such parameter
            assert answer.headers.get("connection") != "close"
    for data, status in too_much.items():
        for size in (len(data), 1000):
            async with wire(guarded.port) as one:
                for start in range(0, len(data), size):
                    await one.send(data[start : start + size])
                answer = await one.answer()
                assert answer is not None
                assert answer.status == status, data[:40]


async def test_while_floods_come_in_others_are_served(guarded: Stack) -> None:
    """With eight clients pouring heads again and again, another client's p99 stays below a second."""
    enough = asyncio.Event()

    async def attack() -> None:
        while not enough.is_set():
            async with wire(guarded.port) as one:
                await _pour(one, iter([b"GET /healthz HTTP/1.1\r\nHost: x\r\nX: ", *[b"a" * 65536] * 64]))

    took = []
    async with asyncio.TaskGroup() as group, wire(guarded.port) as good:
        for _ in range(8):
            group.create_task(attack())
        for _ in range(100):
            begin = time.monotonic()
            answer = await good.ask(request("/v1/whoami", BEARER))
            took.append(time.monotonic() - begin)
            assert answer is not None
            assert answer.status == 200
            await asyncio.sleep(0.005)
        enough.set()
    assert sorted(took)[98] < 5, sorted(took)[-5:]


async def test_a_body_over_the_limit_is_refused_while_it_is_sent(guarded: Stack) -> None:
    """A body without end gets 413 before it ends, a large one that is announced gets it without being sent at all."""
    path, json = "/v1/workspaces/w", "Content-Type: application/json"
    async with wire(guarded.port) as one, asyncio.TaskGroup() as group:
        head = request(path, BEARER, json, "Transfer-Encoding: chunked", method="PUT")
        pieces = iter([head, *[b"10000\r\n" + b"a" * 65536 + b"\r\n"] * 4096])
        pouring = group.create_task(_pour(one, pieces))
        answer = await one.answer(20)
        assert answer is not None
        assert (answer.status, answer.slug) == (413, "too-large")
        assert await one.ends()
        assert await pouring < 128 * MIB
    for size in (MIB + 1, 10**12):
        async with wire(guarded.port) as one:
            length = f"Content-Length: {size}"
            answer = await one.ask(request(path, BEARER, json, length, "Expect: 100-continue", method="PUT"))
            assert answer is not None
            assert (answer.status, answer.slug) == (413, "too-large")
            assert await one.ends()


async def test_expect_100_is_answered_before_the_body(guarded: Stack) -> None:
    """A body of good size is asked for with 100, and then taken; without a token it is not asked for."""
    body = b"{}"
    head = ["Content-Type: application/json", "Expect: 100-continue", f"Content-Length: {len(body)}"]
    async with wire(guarded.port) as one:
        interim = await one.ask(request("/v1/workspaces/polite", BEARER, *head, method="PUT"))
        assert interim is not None
        assert interim.status == 100
        answer = await one.ask(body)
        assert answer is not None
        assert answer.status in (201, 428), answer
    async with wire(guarded.port) as one:
        refused = await one.ask(request("/v1/workspaces/polite", *head, method="PUT"))
        assert refused is not None
        assert refused.status == 401


async def test_an_answer_is_not_lost_with_the_rest_of_a_body(guarded: Stack) -> None:
    """A client that sends a whole megabyte with a bad token reads its 401; one that never stops is cut."""
    head = request("/v1/workspaces/w", "Transfer-Encoding: chunked", method="PUT")
    async with wire(guarded.port) as one:
        answer = await one.ask(head + b"100000\r\n" + b"a" * MIB + b"\r\n0\r\n\r\n")
        assert answer is not None
        assert answer.status == 401
        again = await one.ask(request())
        assert again is not None
        assert again.status == 200
    async with wire(guarded.port) as one:
        assert await _pour(one, iter([head, *[b"100000\r\n" + b"a" * MIB + b"\r\n"] * 64])) < 32 * MIB


async def test_what_stands_beside_a_body_is_bounded(guarded: Stack) -> None:
    """Chunk extensions and trailers without end are refused; small ones are taken and left alone."""
    path, json = "/v1/workspaces/w", "Content-Type: application/json"
    head = request(path, BEARER, json, "Transfer-Encoding: chunked", 'If-Match: "1"', method="PUT")
    for flood in (b"2;" + b"a" * MIB, b"2\r\n{}\r\n0\r\nX: " + b"a" * MIB):
        async with wire(guarded.port) as one:
            answer = await one.ask(head + flood)
            assert answer is not None
            assert (answer.status, answer.slug) == (400, "invalid-request")
            assert await one.ends()
    async with wire(guarded.port) as one:
        answer = await one.ask(head + b"2;a=b\r\n{}\r\n0\r\nAuthorization: x\r\nX: y\r\n\r\n")
        assert answer is not None
        assert answer.status == 412, answer  # understood, and stale
