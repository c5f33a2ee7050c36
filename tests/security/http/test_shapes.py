"""A request that two programs could read in two ways is refused, and nothing behind it is read."""

import pytest

from rig.stack.stack import TOKEN, Stack
from rig.stack.wires import request, wire

pytestmark = pytest.mark.servers
BEARER = f"Authorization: Bearer {TOKEN}\r\n".encode()
GET = b"GET /healthz HTTP/1.1\r\n"
HOST = b"Host: mesh.test\r\n"
PUT = b"PUT /v1/workspaces/smuggled HTTP/1.1\r\n" + HOST + BEARER + b"Content-Type: application/json\r\n"
CHUNKED = PUT + b"Transfer-Encoding: chunked\r\n\r\n"

AMBIGUOUS = {
    "content-length and transfer-encoding": PUT + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "transfer-encoding and content-length": PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two content-lengths": PUT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}}",
    "two equal content-lengths": PUT + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "a list of content-lengths": PUT + b"Content-Length: 2, 2\r\n\r\n{}",
    "a signed content-length": PUT + b"Content-Length: +2\r\n\r\n{}",
    "a negative content-length": PUT + b"Content-Length: -2\r\n\r\n{}",
    "a hexadecimal content-length": PUT + b"Content-Length: 0x2\r\n\r\n{}",
    "an overflowing content-length": PUT + b"Content-Length: 18446744073709551618\r\n\r\n{}",
    "an empty content-length": PUT + b"Content-Length: \r\n\r\n{}",
    "chunked not last": PUT + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "another coding before chunked": PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "two transfer-encodings": PUT
    + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "chunked twice": PUT + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "an unknown coding": PUT + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a coding behind a control character": PUT + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "a coding with a parameter": PUT + b"Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": PUT.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "a chunk size in hexadecimal notation": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a signed chunk size": CHUNKED + b"-2\r\n{}\r\n0\r\n\r\n",
    "an overflowing chunk size": CHUNKED + b"fffffffffffffffff2\r\n{}\r\n0\r\n\r\n",
    "a chunk size behind a blank": CHUNKED + b" 2\r\n{}\r\n0\r\n\r\n",
    "a bare LF behind a chunk size": CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "a bare LF behind a chunk": CHUNKED + b"2\r\n{}\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"1\r\n{}\r\n0\r\n\r\n",
    "a content-length as trailer": CHUNKED + b"2\r\n{}\r\n0\r\nContent-Length: 7\r\n\r\n",
    "a folded header": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "a folded first header": GET + b" X: a\r\n" + HOST + b"\r\n",
    "bare LFs": b"GET /healthz HTTP/1.1\nHost: mesh.test\n\n",
    "a bare LF between headers": GET + HOST + b"X: a\nY: b\r\n\r\n",
    "a bare CR in a header": GET + HOST + b"X: a\rY: b\r\n\r\n",
    "NUL in a header": GET + HOST + b"X: a\0b\r\n\r\n",
    "NUL in a name": GET + HOST + b"X\0: b\r\n\r\n",
    "a control character in a header": GET + HOST + b"X: a\x01b\r\n\r\n",
    "a blank before the colon": GET + HOST + b"Content-Length : 5\r\n\r\n",
    "no colon": GET + HOST + b"nonsense\r\n\r\n",
    "no name": GET + HOST + b": b\r\n\r\n",
    "no host": GET + b"\r\n",
    "two hosts": GET + HOST + HOST + b"\r\n",
    "HTTP/0.9": b"GET /healthz\r\n\r\n",
    "HTTP/2.0": b"GET /healthz HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/1.2": b"GET /healthz HTTP/1.2\r\n" + HOST + b"\r\n",
    "HTTP/2's greeting": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a TLS greeting": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "a method in small letters": b"get /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"SMUGGLE /healthz HTTP/1.1\r\n" + HOST + b"\r\n",
    "tabs for blanks": b"GET\t/healthz\tHTTP/1.1\r\n" + HOST + b"\r\n",
    "a blank in the URL": b"GET /heal thz HTTP/1.1\r\n" + HOST + b"\r\n",
    "a control character in the URL": b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n",
    "a byte beyond ASCII in the URL": b"GET /\xff HTTP/1.1\r\n" + HOST + b"\r\n",
    "a tunnel": b"CONNECT mesh.test:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "another protocol with a body": PUT + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
}
BEHIND = request("/v1/whoami", f"Authorization: Bearer {TOKEN}")


@pytest.mark.parametrize("name", AMBIGUOUS)
@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "byte by byte"])
async def test_an_ambiguous_request_is_refused_and_ends_the_connection(
    guarded: Stack, name: str, at_once: bool
) -> None:
    """One answer, 400 with a problem, whatever stands behind it; and nothing was written."""
    data = AMBIGUOUS[name] + BEHIND
    async with wire(guarded.port) as one:
        for piece in [data] if at_once else [data[n : n + 1] for n in range(len(data))]:
            await one.send(piece)
        answer = await one.answer()
        assert answer is not None
        assert (answer.status, answer.slug) == (400, "invalid-request"), answer
        assert answer.headers["connection"] == "close"
        assert await one.ends()
    async with wire(guarded.port) as one:
        seen = await one.ask(request("/v1/workspaces", BEARER.decode().strip()))
        assert seen is not None
        assert b"smuggled" not in seen.body


async def test_a_refusal_does_not_overtake_the_answer_before_it(guarded: Stack) -> None:
    """What is wrong behind a good request ends the connection after the good one's answer."""
    async with wire(guarded.port) as one:
        answer = await one.ask(BEHIND + AMBIGUOUS["two hosts"] + BEHIND)
        assert answer is not None
        assert answer.status == 200
        assert b'"admin"' in answer.body
        assert await one.ends()


async def test_a_request_to_change_the_protocol_is_answered_in_this_one(guarded: Stack) -> None:
    """`curl --http2` gets its answer; what the parser would swallow behind it is never taken for a request."""
    head = [f"Authorization: Bearer {TOKEN}", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"]
    async with wire(guarded.port) as one:
        answer = await one.ask(request("/v1/whoami", *head) + BEHIND)
        assert answer is not None
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await one.ends()


async def test_requests_that_do_not_wait_are_answered_in_their_order(guarded: Stack) -> None:
    """Sixteen at a time, which no client exceeds; of hundreds the first are answered, and then the connection ends."""
    paths = ["/healthz", "/v1/whoami", "/nowhere", "/metrics"] * 4
    wanted = [200, 401, 404, 200] * 4
    async with wire(guarded.port) as one:
        await one.send(b"".join(request(path) for path in paths))
        for status in wanted:
            answer = await one.answer()
            assert answer is not None
            assert answer.status == status
        again = await one.ask(request())
        assert again is not None
        assert again.status == 200
    async with wire(guarded.port) as one:
        await one.send(request() * 500)
        answered = 0
        while (answer := await one.answer()) is not None:
            assert answer.status == 200
            answered += 1
        assert 1 <= answered <= 40
