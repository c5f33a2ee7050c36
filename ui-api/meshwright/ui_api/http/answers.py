"""Responses: a Struct, encoded once by msgspec, with headers for its version.

Invariant: an ETag is strong and quoted, and is the sequence of the stream message (or of the newest event) that the
body shows.
"""

from typing import Any

import msgspec
from starlette.responses import Response

JSON = "application/json"
SEQ = "Meshwright-Seq"
"""the response header with the stream sequence of a write; `min_seq` of a later read refers to it"""
VERSION = "Meshwright-Version"
"""the response header with the number of the version of a resource whose versions are counted"""
_ENCODER = msgspec.json.Encoder()


def ok(value: Any, status: int = 200, *, etag: int | str | None = None, **headers: str) -> Response:
    """The body as JSON. `headers` are given as in `location="/v1/…"`; `_` stands for `-`."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    if etag is not None:
        fields["ETag"] = quoted(etag)
    return Response(_ENCODER.encode(value), status, fields, JSON)


def nothing(seq: int | None = None) -> Response:
    """204, with the sequence of the write."""
    return Response(status_code=204, headers={SEQ: str(seq)} if seq else None)


def quoted(etag: int | str) -> str:
    """The ETag in quotes, as in a header."""
    return f'"{etag}"'
