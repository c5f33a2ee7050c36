"""Responses are compressed for those who accept it, unless that would reveal a secret or delay a stream."""

import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.responses import Response, StreamingResponse

from meshwright.ui_api.http import compression
from meshwright.ui_api.http.compression import LEAST, Compressed

BODY = b'{"items": [' + b"1, " * LEAST + b"1]}"
GZIP = {"Accept-Encoding": "gzip"}


async def raw(response: Response, headers: dict[str, str] = GZIP) -> tuple[httpx.Response, bytes]:
    """What a client receives of this response, and the bytes on the wire."""
    client = httpx.AsyncClient(transport=httpx.ASGITransport(Compressed(response)), base_url="http://here")
    async with client.stream("GET", "/", headers=headers) as received:
        return received, b"".join([part async for part in received.aiter_raw()])


@pytest.mark.parametrize("media_type", ["application/json", "application/problem+json", "text/html", "text/plain"])
async def test_text_is_compressed(media_type: str) -> None:
    """The content is the same, shorter, and the length is that of what is sent."""
    received, sent = await raw(Response(BODY, media_type=media_type))
    assert received.headers["content-encoding"] == "gzip"
    assert int(received.headers["content-length"]) == len(sent) < len(BODY) / 5
    assert gzip.decompress(sent) == BODY
    assert received.headers["vary"] == "Accept-Encoding"


async def test_a_large_body_is_compressed_like_a_small_one() -> None:
    """Beyond the size that a thread compresses, the content is the same too."""
    received, sent = await raw(Response(BODY * 50, media_type="application/json"))
    assert received.headers["content-encoding"] == "gzip"
    assert gzip.decompress(sent) == BODY * 50


@pytest.mark.parametrize(
    "response",
    [
        Response(BODY, media_type="application/json", headers={"Cache-Control": "no-store"}),
        Response(BODY[: LEAST - 1], media_type="application/json"),
        Response(BODY, media_type="application/gzip"),
        Response(BODY, media_type="text/event-stream"),
        Response(status_code=204),
    ],
    ids=["a secret", "short", "compressed by its nature", "events", "empty"],
)
async def test_some_responses_are_sent_as_they_are(response: Response) -> None:
    """No secret beside other text (BREACH), nothing that gains nothing, no event."""
    received, sent = await raw(response)
    assert "content-encoding" not in received.headers
    assert sent == response.body


async def test_a_response_that_is_encoded_already_is_left_alone() -> None:
    """A file that was compressed at the start is not compressed twice."""
    packed = gzip.compress(BODY)
    received, sent = await raw(Response(packed, media_type="text/css", headers={"Content-Encoding": "gzip"}))
    assert received.headers.get_list("content-encoding") == ["gzip"]
    assert sent == packed


async def test_what_is_sent_in_pieces_is_not_held_back() -> None:
    """Each piece reaches the client as it is."""

    async def pieces() -> Any:
        yield BODY
        yield BODY

    received, sent = await raw(StreamingResponse(pieces(), media_type="application/json"))
    assert "content-encoding" not in received.headers
    assert sent == BODY + BODY


async def test_without_gzip_the_response_is_plain_and_says_that_it_may_vary() -> None:
    """A cache must not give one client's encoding to another."""
    received, sent = await raw(Response(BODY, media_type="application/json"), {"Accept-Encoding": "br"})
    assert "content-encoding" not in received.headers
    assert received.headers["vary"] == "Accept-Encoding"
    assert sent == BODY


async def test_a_failure_before_the_body_sends_nothing() -> None:
    """The head is held until the body is there, so that the failure can still be answered."""
    begun: list[Any] = []

    async def fails(scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        raise ValueError("after the head")

    async def send(message: Any) -> None:
        begun.append(message)

    with pytest.raises(ValueError, match="after the head"):
        await Compressed(fails)({"type": "http", "headers": []}, None, send)  # type: ignore[arg-type]
    assert begun == []


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("gzip", True),
        ("deflate, gzip;q=0.5, br", True),
        ("GZIP", True),
        ("*", True),
        ("gzip;q=1.0", True),
        ("gzip;q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000", False),
        ("*;q=0, gzip", True),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("", False),
        ("x-gzip-like", False),
    ],
)
def test_the_accept_encoding_header_is_understood(header: str, expected: bool) -> None:
    """Names in any case, weights, and zero as a refusal."""
    assert compression.accepted(header) is expected


@given(st.text(max_size=60))
def test_no_accept_encoding_header_is_an_error(header: str) -> None:
    """Whatever a client sends, it is answered."""
    assert compression.accepted(header) in (True, False)
