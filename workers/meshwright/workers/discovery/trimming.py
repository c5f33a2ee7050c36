"""Shortening objects that are too long, with marks at the shortened places.

Problem: one object of a cluster may exceed the maximum message size. Invariant: the result has at most the given size,
still names its object, and has a mark at each place where something was left out.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.core.redacting import escaped

_LONG_TEXT = 4096
_WORTH = 8
"""parts that free less than this share of the excess are not cut by themselves"""
_LEAST_CUT = 1024
_MOST_CUTS = 200
_KEPT = ("apiVersion", "kind")
_KEPT_METADATA = ("name", "namespace", "uid", "resourceVersion")
_encode = msgspec.json.encode


def trim(body: dict[str, Any], limit: int) -> list[str]:
    """Shorten the object itself until it has at most `limit` bytes of JSON; returns the JSON pointers of the marks."""
    size = len(_encode(body))
    if size <= limit:
        return []
    trimmed: set[str] = set()
    for holder, key, path in list(_long_texts(body, "")):
        _cut(holder, key, path, trimmed)
    for _ in range(_MOST_CUTS):
        size = len(_encode(body))
        if size <= limit:
            return sorted(trimmed)
        place = _largest(body, max(size - limit, _LEAST_CUT))
        if place is None:
            break
        _cut(*place, trimmed)
    metadata = body.get("metadata") or {}
    least = {key: body[key] for key in _KEPT if key in body}
    body.clear()
    body.update(least, metadata={key: metadata[key] for key in _KEPT_METADATA if key in metadata})
    return [""]


def _long_texts(value: Any, path: str) -> Iterator[tuple[Any, Any, str]]:
    for key, part in _parts(value):
        below = f"{path}/{escaped(str(key))}"
        if isinstance(part, str):
            if len(part) > _LONG_TEXT:
                yield value, key, below
        elif isinstance(part, dict | list):
            yield from _long_texts(part, below)


def _largest(body: dict[str, Any], excess: int) -> tuple[Any, Any, str] | None:
    """The smallest part that frees enough, or else the largest one that is worth cutting."""
    holder: Any = body
    path, chosen = "", None
    while True:
        sizes = [(len(_encode(part)), key) for key, part in _parts(holder) if not _is_kept(path, key)]
        size, key = max(sizes, key=lambda one: one[0], default=(0, None))
        enough = size >= excess
        if key is None or (chosen is not None and not enough and size * _WORTH < excess):
            return chosen
        below = f"{path}/{escaped(str(key))}"
        chosen = holder, key, below
        part = holder[key]
        if path == "" and key == "metadata":
            chosen = None
        elif not enough or not isinstance(part, dict | list):
            return chosen
        holder, path = part, below


def _cut(holder: Any, key: Any, path: str, trimmed: set[str]) -> None:
    holder[key] = f"(trimmed, {len(_encode(holder[key]))} bytes)"
    trimmed -= {one for one in trimmed if one.startswith(f"{path}/")}
    trimmed.add(path)


def _parts(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _is_kept(path: str, key: Any) -> bool:
    return key in _KEPT if path == "" else path == "/metadata" and key in _KEPT_METADATA
