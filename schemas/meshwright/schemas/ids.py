"""Ids of entities that need more than a name, and the encoding of ids in subjects and keys.

Problem: a workload is identified by its mesh, namespace, kind and name; Kubernetes allows 253 characters and dots in a
name, NATS divides subjects at dots. Invariant: both steps are lossless, so different entities never share an id and
different ids never share a subject; an id of letters, digits, `-` and `_` is unchanged in a subject, except a `_` that
would read as an escape.
"""

import re
from urllib.parse import quote, unquote

SEPARATOR = "~"
LONGEST_TOKEN = 2000
"""maximum number of characters; NATS accepts a line of 4,096 that contains the whole subject"""

_IN_SUBJECTS = "="
"""replaces the separator, which key-value keys may not contain"""
_ESCAPED = re.compile(r"[^A-Za-z0-9_~-]|_(?=[0-9A-F]{2})")
_ESCAPE = re.compile(r"(?:_[0-9A-F]{2})+")
_TOKEN = re.compile(rf"[A-Za-z0-9_=-]{{1,{LONGEST_TOKEN}}}\Z")


def scoped(*parts: str) -> str:
    """The id made of these parts, as in `demo~shop~deployment~reviews.v1`; a part may be empty.

    Letters, digits, dots, dashes and underscores are kept, everything else in a part is percent-encoded.
    """
    return SEPARATOR.join(quote(part, safe="").replace(SEPARATOR, "%7E") for part in parts)


def parts(id: str) -> tuple[str, ...]:
    """The parts of an id made by `scoped`."""
    return tuple(unquote(part) for part in id.split(SEPARATOR))


def to_token(id: str) -> str:
    """An id as one token of a subject or key: dots and other special characters become `_XX`, their UTF-8 in hex.

    Raises ValueError when the result is empty or longer than LONGEST_TOKEN, or the id contains half a surrogate pair.
    """
    token = _ESCAPED.sub(_escape, id).replace(SEPARATOR, _IN_SUBJECTS)
    if not _TOKEN.match(token):
        raise ValueError(f"{id[:100]!r} cannot be an id in a subject: 1 to {LONGEST_TOKEN} characters, encoded")
    return token


def of_token(token: str) -> str:
    """The id of a token of a subject; a token that `to_token` never produces is returned unchanged."""
    if ("_" not in token and _IN_SUBJECTS not in token) or not _TOKEN.match(token):
        return token  # the common case
    return _ESCAPE.sub(_unescape, token.replace(_IN_SUBJECTS, SEPARATOR))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"_{byte:02X}" for byte in match[0].encode())


def _unescape(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("_", "")).decode(errors="replace")
