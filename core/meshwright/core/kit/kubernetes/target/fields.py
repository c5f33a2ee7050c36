"""Which manager owns which fields of an object, as `metadata.managedFields` tells.

Problem: to take an apply back one must know what was applied before, and the server does not keep it as such.
Invariant: what is extracted here for a manager, applied once more as that manager, changes nothing.
"""

import functools
import json
from collections.abc import Iterator
from typing import Any

from meshwright.core.kit.kubernetes.objects import Body, at
from meshwright.core.kit.kubernetes.target import bodies

_NOTHING = object()


def entries(body: Body) -> list[dict[str, Any]]:
    """The managers of an object's own fields; those of its status are none of them."""
    managed = at(body, "metadata", "managedFields") or []
    return [each for each in managed if not each.get("subresource")]


def appliers(body: Body) -> list[str]:
    """The managers that have applied the object, and so stand for a part of it."""
    return [str(each.get("manager", "")) for each in entries(body) if each.get("operation") == "Apply"]


def applied_version(body: Body, manager: str) -> str | None:
    """The `apiVersion` in which a manager has applied the object; None when it has not."""
    entry = _entry(body, manager)
    return str(entry.get("apiVersion", "")) if entry else None


def applied(body: Body, manager: str) -> Body | None:
    """What a manager has applied: its fields with their values, in the version of `body`; None for nothing."""
    entry = _entry(body, manager)
    if entry is None:
        return None
    owned = _extract(body, entry.get("fieldsV1") or {})
    content: Body = bodies.identity(body)
    if isinstance(owned, dict):
        meta = {**content["metadata"], **(owned.get("metadata") or {})}
        content = {**content, **owned, "metadata": meta}
    return content


def of_others(body: Body, manager: str) -> Body | None:
    """The part of an object that others than this manager own; None: it owns all of it."""
    parts = [_extract(body, each.get("fieldsV1") or {}) for each in entries(body) if each.get("manager") != manager]
    if not parts and entries(body):
        return None
    return functools.reduce(_united, parts) if parts else body


def _united(one: Any, other: Any) -> Any:
    """What is in either part of one object."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {key: _united(one[key], other[key]) for key in one.keys() & other.keys()}
        return {**one, **other, **shared}
    return other


def _entry(body: Body, manager: str) -> dict[str, Any] | None:
    return next((e for e in entries(body) if e.get("manager") == manager and e.get("operation") == "Apply"), None)


def _extract(value: Any, owned: dict[str, Any]) -> Any:
    """The part of a value that a set of fields names; a set without members names all of it."""
    members = {key: below for key, below in owned.items() if key != "."}
    if not members:
        return value
    if isinstance(value, dict):
        extracted = {}
        for key, below in members.items():
            name = key.removeprefix("f:")
            if key.startswith("f:") and name in value:
                extracted[name] = _extract(value[name], below)
        return extracted
    if isinstance(value, list):
        return list(_items(value, members))
    return value


def _items(value: list[Any], members: dict[str, Any]) -> Iterator[Any]:
    """The owned items of a list, in the order of the list."""
    for index, item in enumerate(value):
        for key, below in members.items():
            matched = _matched(item, index, key, below)
            if matched is not _NOTHING:
                yield matched
                break


def _matched(item: Any, index: int, key: str, below: dict[str, Any]) -> Any:
    kind, _, text = key.partition(":")
    if kind == "k" and isinstance(item, dict):
        keys = json.loads(text)
        if all(item.get(name, default) == default for name, default in keys.items()):
            part = _extract(item, below)
            return {**keys, **part} if isinstance(part, dict) else part
    elif (kind == "v" and json.loads(text) == item) or (kind == "i" and int(text) == index):
        return _extract(item, below)
    return _NOTHING
