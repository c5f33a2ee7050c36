"""Ids of entities that are known by more than a name, and how any id stands in a subject or key.

Problem: a workload is known by its mesh, namespace, kind and name; Kubernetes allows 253 characters and dots in a
name, NATS divides subjects at dots. Invariant: both steps are lossless, so different entities never share an id and
different ids never share a subject; an id of plain letters, digits, `-` and `_` stands in a subject as it is, save for
a `_` that would read as an escape.
"""

import re
from urllib.parse import quote, unquote

SEPARATOR = "~"
LONGEST_TOKEN = 2000
"""characters; NATS takes a line of 4,096 with the whole subject in it"""

_IN_SUBJECTS = "="
"""in place of the separator, which key-value keys may not hold"""
_ESCAPED = re.compile(r"[^A-Za-z0-9_~-]|_(?=[0-9A-F]{2})")
_ESCAPE = re.compile(r"(?:_[0-9A-F]{2})+")
_TOKEN = re.compile(rf"[A-Za-z0-9_=-]{{1,{LONGEST_TOKEN}}}\Z")


def scoped(*parts: str) -> str:
    """The id made of these parts, as in `demo~shop~deployment~reviews.v1`; a part may be empty.

    Letters, digits, dot, dash and underscore stay readable, everything else in a part is percent-encoded.
    """
    return SEPARATOR.join(quote(part, safe="").replace(SEPARATOR, "%7E") for part in parts)


def parts(id: str) -> tuple[str, ...]:
    """The parts of which `scoped` made an id."""
    return tuple(unquote(part) for part in id.split(SEPARATOR))


def to_token(id: str) -> str:
    """An id as one token of a subject or key: dots and whatever else is special become `_XX`, their UTF-8 in hex.

    Raises ValueError when it is empty or longer than LONGEST_TOKEN then, or holds half a surrogate pair.
    """
    token = _ESCAPED.sub(_escape, id).replace(SEPARATOR, _IN_SUBJECTS)
    if not _TOKEN.match(token):
        raise ValueError(f"{id[:100]!r} cannot stand in a subject as an id: 1 to {LONGEST_TOKEN} characters, encoded")
    return token


def of_token(token: str) -> str:
    """The id that stands in a subject as this token; what `to_token` never writes is taken as it is."""
    if ("_" not in token and _IN_SUBJECTS not in token) or not _TOKEN.match(token):
        return token  # as almost always
    return _ESCAPE.sub(_unescape, token.replace(_IN_SUBJECTS, SEPARATOR))


def _escape(match: re.Match[str]) -> str:
    return "".join(f"_{byte:02X}" for byte in match[0].encode())


def _unescape(match: re.Match[str]) -> str:
    return bytes.fromhex(match[0].replace("_", "")).decode(errors="replace")
