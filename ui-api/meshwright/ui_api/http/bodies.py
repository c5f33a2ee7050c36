"""Request bodies: bounded, of a known format, decoded strictly.

Invariant: no more than the limit is ever in memory; a handler gets everything that was sent, or the request is refused
with a pointer to each invalid place.
"""

import asyncio
import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request

from meshwright.core.security import yaml_documents
from meshwright.schemas import strict
from meshwright.schemas.base import Model, Text
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.http.server import scope

B = TypeVar("B")
MAX_BODY = 2**20
"""bytes of one request body"""
MAX_MESSAGE = 960 * 1024
"""maximum size of a message on the bus in bytes, below NATS's limit of 1 MiB with room for its headers"""
_MOST_READ = 32 * MAX_BODY
_BODY_S = 30.0
"""time-out in seconds for a body"""
_CLOSE = {"Connection": "close"}
"""the rest of such a body is never read, so the connection cannot be reused"""
JSON_TYPES = ("application/json",)
YAML_TYPES = ("application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml")
_INLINE = 16 * 1024
"""number of bytes that are parsed on the loop; more would block it for milliseconds"""


class Because(Model, frozen=True, kw_only=True):
    """Why."""

    reason: Text = ""


async def read(request: Request) -> bytes:
    """The whole body. Raises Refusal `too-large`."""
    announced = request.headers.get("content-length", "0")  # digits: the parser has checked it
    # with Expect: 100-continue nothing has been sent yet, so there is nothing to drain
    asks = request.headers.get("expect", "").lower() == "100-continue"
    if int(announced) > (MAX_BODY if asks else _MOST_READ):
        raise _too_large()
    parts = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_S):
            async for part in request.stream():
                size += len(part)
                # What exceeds the limit is read and discarded for a while: a client that is still sending
                # would otherwise lose the response together with the connection.
                if size <= MAX_BODY:
                    parts.append(part)
                elif size > _MOST_READ:
                    raise _too_large()
        if (fault := request.scope.get(scope.FAULT)) is not None:
            raise fault
    except ClientDisconnect as error:
        raise Refusal("invalid-request", "the body is incomplete") from error
    except TimeoutError as error:
        raise Refusal("request-timeout", f"the body did not arrive within {_BODY_S:g} s", headers=_CLOSE) from error
    if size > MAX_BODY:
        raise _too_large()
    return b"".join(parts)


async def plain(request: Request, body: bytes, *, yaml: bool = False) -> Any:
    """The body as plain data. Raises Refusal `unsupported-media-type` or `invalid-request`."""
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        accepted = {"Accept-Encoding": "identity"}
        raise Refusal("unsupported-media-type", "send the body as it is, without Content-Encoding", headers=accepted)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type in JSON_TYPES or (not media_type and not yaml):
        return await _parsed(_json, body)
    if yaml and media_type in YAML_TYPES:
        return await _parsed(_yaml, body)
    wanted = ", ".join((*JSON_TYPES, *YAML_TYPES[:1]) if yaml else JSON_TYPES)
    raise Refusal("unsupported-media-type", f"send one of: {wanted}", headers={"Accept": wanted})


def typed(raw: Any, kind: type[B]) -> B:
    """Plain data as `kind`. Raises Refusal `invalid-document` with a pointer for each invalid place."""
    try:
        return strict.decode(raw, kind)
    except strict.InvalidDocument as error:
        raise Refusal("invalid-document", "the document is not valid", errors=error.errors) from error


def bounded(message: msgspec.Struct) -> None:
    """Refuses what would not fit on the bus, before anything is sent."""
    if len(msgspec.json.encode(message)) > MAX_MESSAGE:
        raise _too_large()


def _too_large() -> Refusal:
    return Refusal("too-large", f"more than {MAX_BODY} bytes", headers=_CLOSE)


async def _parsed(parse: Callable[[bytes], Any], body: bytes) -> Any:
    return await asyncio.to_thread(parse, body) if len(body) > _INLINE else parse(body)


def _json(body: bytes) -> Any:
    try:
        value = msgspec.json.decode(body)
        # the decoder keeps the last of two equal keys without an error
        json.loads(body, object_pairs_hook=_without_repetition, parse_int=len, parse_float=len)
        return value
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, _GivenTwice) as error:
        detail = "nested too deep" if isinstance(error, RecursionError) else str(error)
        raise _unreadable(f"not JSON: {detail}") from error


class _GivenTwice(Exception):
    """A key occurs twice in one object."""


def _without_repetition(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) < len(pairs):
        names = [name for name, _ in pairs]
        name = next(name for index, name in enumerate(names) if name in names[:index])
        raise _GivenTwice(f"the key {name[:64]!r} is given twice")


def _yaml(body: bytes) -> Any:
    try:
        return yaml_documents.load(body)
    except yaml_documents.InvalidYaml as error:
        raise _unreadable(f"not acceptable YAML: {error}") from error


def _unreadable(detail: str) -> Refusal:
    return Refusal("invalid-request", detail, errors=[FieldError(detail=detail)])
