"""Compression of responses with gzip, for clients that accept it.

Problem: compressed, the length of a response that holds a secret beside something that an attacker chose reveals the
secret (BREACH), and a compressed event stream arrives late. Invariant: what may not be stored (`Cache-Control:
no-store`, which every response with a secret has) and what is sent in pieces is sent as it is. Large responses are
compressed in a thread, so that other requests do not wait for them.
"""

import asyncio
import gzip
import re

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST = 1024
"""number of bytes from which compression gains anything"""
_LARGE = 64 * 1024
"""number of bytes from which it is left to a thread"""
_LEVEL = 4
_REFUSED = re.compile(r"\s*q\s*=\s*0(\.0*)?\s*\Z", re.IGNORECASE)
_TYPES = ("application/json", "application/problem+json", "application/yaml", "text/html", "text/css", "text/plain")


def accepted(accept_encoding: str) -> bool:
    """Whether this Accept-Encoding header accepts gzip."""
    weights = {}
    for part in accept_encoding.split(","):
        coding, _, weight = part.partition(";")
        weights[coding.strip().lower()] = not _REFUSED.match(weight)
    return weights.get("gzip", weights.get("*", False))


class Compressed:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        accepts = any(
            name == b"accept-encoding" and accepted(value.decode("latin-1")) for name, value in scope["headers"]
        )
        held: Message | None = None
        """the head of a response that may be compressed, until it is known how long its body is"""

        async def compressing(message: Message) -> None:
            nonlocal held
            if message["type"] == "http.response.start" and _compressible(message):
                held = message
                return
            if held is not None:
                if not message.get("more_body") and len(message.get("body", b"")) >= LEAST:
                    message = await _compress(held, message, accepts)
                await send(held)
                held = None
            await send(message)

        await self._app(scope, receive, compressing)


def _compressible(head: Message) -> bool:
    headers = MutableHeaders(raw=head["headers"])
    return (
        headers.get("content-type", "").partition(";")[0] in _TYPES
        and "content-encoding" not in headers
        and "no-store" not in headers.get("cache-control", "")
    )


async def _compress(head: Message, message: Message, accepts: bool) -> Message:
    """Change the head for a compressed body; the message with that body."""
    headers = MutableHeaders(raw=head["headers"])
    headers.add_vary_header("Accept-Encoding")
    if not accepts:
        return message
    body: bytes = message["body"]
    if len(body) >= _LARGE:
        packed = await asyncio.to_thread(gzip.compress, body, _LEVEL, mtime=0)
    else:
        packed = gzip.compress(body, _LEVEL, mtime=0)
    headers["Content-Encoding"] = "gzip"
    headers["Content-Length"] = str(len(packed))
    return {**message, "body": packed}
