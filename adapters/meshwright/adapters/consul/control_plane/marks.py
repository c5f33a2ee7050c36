"""The marks of ownership in the `Meta` of a config entry.

Problem: Consul knows no field managers, and an entry that a design takes over must be what it was when the design goes.
Invariant: a mark fits Consul's limits (64 keys of 128 characters, with values of 512), and what cannot be noted is
refused before anything is written.
"""

import base64
import hashlib
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Marked, Owner
from meshwright.schemas.errors import FieldError

PREFIX = "meshwright-"
_FORMER = f"{PREFIX}former-"
_LONGEST = 512
_MOST = 40


def written(entry: Marked) -> dict[str, str]:
    """The marks of an entry. Raises Reject where what it was before does not fit."""
    marks = {_key(owner): str(owner) for owner in entry.owners}
    if entry.former is None:
        return marks
    text = base64.b64encode(zlib.compress(msgspec.json.encode(entry.former), 9)).decode()
    parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    if len(parts) > _MOST:
        what = f"{entry.body.get('Kind')} {entry.body.get('Name')} is too large to be taken over and given back later"
        raise kit.unfit([FieldError(detail=what)])
    return {**marks, **{f"{_FORMER}{number:02}": part for number, part in enumerate(parts)}}


def owners(meta: Mapping[str, Any]) -> frozenset[Owner]:
    """The designs that stand for an entry."""
    marked = [str(text) for key, text in meta.items() if key.startswith(PREFIX) and not key.startswith(_FORMER)]
    return frozenset(owner for text in marked if (owner := Owner.read(text)))


def former(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    """What an entry was before; None when it was not there, or the note cannot be read any more."""
    text = "".join(str(meta[key]) for key in sorted(meta) if key.startswith(_FORMER))
    if not text:
        return None
    try:
        body: dict[str, Any] = msgspec.json.decode(zlib.decompress(base64.b64decode(text)), type=dict[str, Any])
    except (ValueError, zlib.error):
        return None
    return body


def _key(owner: Owner) -> str:
    return PREFIX + hashlib.sha256(str(owner).encode()).hexdigest()[:16]
