"""The marks of ownership in the labels of a resource.

Problem: Kuma knows no field managers, its labels take 63 characters, and what a design takes over must be what it was
when the design goes. Invariant: a mark fits the rules of labels (https://kubernetes.io/docs/concepts/overview/\
working-with-objects/labels), and what cannot be noted is refused before anything is written.
"""

import base64
import hashlib
import re
import zlib
from collections.abc import Mapping
from typing import Any

import msgspec

from meshwright.core import kit
from meshwright.core.kit.http_control_plane import Marked, Owner
from meshwright.schemas.errors import FieldError

SUFFIX = "meshwright.dev"
_OWNER = re.compile(rf"([0-9a-f]{{16}})\.owner\.{re.escape(SUFFIX)}/(workspace|mesh|design)")
_FORMER = f"former.{SUFFIX}/"
_EDGE = "x"
"""with which a value begins and ends, since not every letter of the code may"""
_LONGEST = 61
_MOST = 60


def written(entry: Marked) -> dict[str, str]:
    """The marks of an entry. Raises Reject where what it was before does not fit."""
    marks: dict[str, str] = {}
    for owner in entry.owners:
        for part, value in zip(("workspace", "mesh", "design"), owner, strict=True):
            marks[f"{_digest(owner)}.owner.{SUFFIX}/{part}"] = value
    if entry.former is None:
        return marks
    text = base64.urlsafe_b64encode(zlib.compress(msgspec.json.encode(entry.former), 9)).decode().rstrip("=")
    parts = [text[start : start + _LONGEST] for start in range(0, len(text), _LONGEST)]
    if len(parts) > _MOST:
        what = f"{entry.body.get('type')} {entry.body.get('name')} is too large to be taken over and given back later"
        raise kit.unfit([FieldError(detail=what)])
    return {**marks, **{f"{_FORMER}{number:02}": f"{_EDGE}{part}{_EDGE}" for number, part in enumerate(parts)}}


def owners(labels: Mapping[str, Any]) -> frozenset[Owner]:
    """The designs that stand for an entry."""
    found: dict[str, dict[str, str]] = {}
    for key, value in labels.items():
        if match := _OWNER.fullmatch(key):
            found.setdefault(match[1], {})[match[2]] = str(value)
    return frozenset(Owner(**each) for each in found.values() if len(each) == 3)


def former(labels: Mapping[str, Any]) -> dict[str, Any] | None:
    """What an entry was before; None when it was not there, or the note cannot be read any more."""
    text = "".join(str(labels[key])[1:-1] for key in sorted(labels) if key.startswith(_FORMER))
    if not text:
        return None
    try:
        packed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        body: dict[str, Any] = msgspec.json.decode(zlib.decompress(packed), type=dict[str, Any])
    except (ValueError, zlib.error):
        return None
    return body


def is_mark(key: str) -> bool:
    """Whether a label is one of these."""
    return f"{SUFFIX}/" in key


def _digest(owner: Owner) -> str:
    return hashlib.sha256(str(owner).encode()).hexdigest()[:16]
