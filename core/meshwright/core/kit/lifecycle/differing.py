"""Which fields of a resource differ from what a release wants, for people.

Problem: a body may be large, and hold secrets. Invariant: a field is named where the two differ and no higher than
needed; what is told is bounded, and no secret is in it, but that it differs is told. Items of a list are the same item
when they have the same `name`, or else the same place among as many.
"""

import copy
from collections.abc import Iterator
from typing import Any

import msgspec

from meshwright.core import redacting
from meshwright.core.kit.target import Body
from meshwright.schemas.drift import DriftedField

MOST_FIELDS = 20
LONGEST = 500
"""characters of a value as JSON"""
_ABSENT = object()
Place = tuple[str, ...]
Differing = tuple[Place, Place, Place]
"""the path to show, and those in what is wanted and in what is there"""


def fields(*, wanted: Body, there: Body) -> tuple[list[DriftedField], int]:
    """The fields that differ, in their order, and how many more there are than are named."""
    paths = list(_walk(wanted, there, (), (), ()))
    wanted, there = copy.deepcopy(wanted), copy.deepcopy(there)
    redacting.redact(wanted)
    redacting.redact(there)
    named = [
        DriftedField(path=_pointer(shown), wanted=_short(_at(wanted, left)), there=_short(_at(there, right)))
        for shown, left, right in paths[:MOST_FIELDS]
    ]
    return named, max(len(paths) - MOST_FIELDS, 0)


def _walk(wanted: Any, there: Any, shown: Place, left: Place, right: Place) -> Iterator[Differing]:
    if wanted == there:
        return
    if isinstance(wanted, dict) and isinstance(there, dict):
        for key in [*wanted, *(key for key in there if key not in wanted)]:
            pair = wanted.get(key, _ABSENT), there.get(key, _ABSENT)
            yield from _walk(*pair, (*shown, key), (*left, key), (*right, key))
    elif isinstance(wanted, list) and isinstance(there, list) and (pairs := _paired(wanted, there)) is not None:
        for one, other in pairs:
            pair = wanted[one] if one is not None else _ABSENT, there[other] if other is not None else _ABSENT
            place = str(one if one is not None else other)
            yield from _walk(*pair, (*shown, place), (*left, str(one)), (*right, str(other)))
    else:
        yield shown, left, right


def _paired(wanted: list[Any], there: list[Any]) -> list[tuple[int | None, int | None]] | None:
    """Which item of one list is which of the other; None when nobody can say."""
    names, others = _names(wanted), _names(there)
    if names is None or others is None:
        return [(index, index) for index in range(len(wanted))] if len(wanted) == len(there) else None
    if [each for each in names if each in others] != [each for each in others if each in names]:
        return None  # they stand in another order
    added = [(None, index) for name, index in others.items() if name not in names]
    return [*((index, others.get(name)) for name, index in names.items()), *added]


def _names(items: list[Any]) -> dict[str, int] | None:
    """The place of each item by its name; None unless each has a name of its own."""
    names = {
        each["name"]: index
        for index, each in enumerate(items)
        if isinstance(each, dict) and isinstance(each.get("name"), str)
    }
    return names if len(names) == len(items) else None


def _at(body: Any, place: Place) -> Any:
    for key in place:
        if isinstance(body, dict):
            body = body.get(key)
        elif isinstance(body, list):
            body = body[int(key)] if key.isdigit() else None
    return body


def _short(value: Any) -> Any:
    text = msgspec.json.encode(value).decode()
    return value if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _pointer(place: Place) -> str:
    return "".join(f"/{redacting.escaped(each)}" for each in place)
