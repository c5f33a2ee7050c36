"""Queries from requests: checked filters, stable order, cursors.

Invariant: a field name comes from a fixed list and a value is a plain scalar, so a query contains no operator from a
request; a cursor names the last document of a page by value and id, so inserts and deletions between two pages neither
repeat nor hide other documents.
"""

import base64
import binascii
import datetime
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from meshwright.core.store.connecting import Document
from meshwright.core.store.errors import InvalidCursor, UnknownField
from meshwright.core.store.kinds import Kind
from meshwright.schemas.base import service_parts

Plain: TypeAlias = str | int | bool
MAX_PAGE = 500


class _Place(msgspec.Struct, frozen=True, array_like=True):
    order: str
    value: str | int | float | bool | None
    id: str | int
    is_time: bool = False


def order(kind: Kind[Any], sort: str) -> str:
    """The field to sort by. Raises UnknownField."""
    if not sort:
        return kind.sorts[0]
    if sort not in kind.sorts:
        raise UnknownField(f"{kind.name} cannot be sorted by {sort!r}; choose from {', '.join(kind.sorts)}")
    return sort


def conditions(kind: Kind[Any], where: Mapping[str, Plain | list[Plain]]) -> Document:
    """The filter of a kind. Raises UnknownField."""
    return plain(where, kind.filters, kind.name)


def plain(where: Mapping[str, Plain | list[Plain]], allowed: tuple[str, ...], what: str) -> Document:
    """A filter on the allowed fields by plain values. Raises UnknownField."""
    query: Document = {}
    for name, value in where.items():
        if name not in allowed:
            choice = ", ".join(allowed) or "nothing"
            raise UnknownField(f"{what} cannot be filtered by {name!r}; choose from {choice}")
        values = value if isinstance(value, list) else [value]
        if not all(isinstance(one, str | int) for one in values):
            raise UnknownField(f"{name} is compared with text, whole numbers or truth values only")
        if not all(map(_fits, values)):
            raise UnknownField(f"{name} is compared with whole numbers of at most 64 bits")
        query[name] = {"$in": values} if isinstance(value, list) else value
    return query


def containing(kind: Kind[Any], text: str) -> Document:
    """The condition that each word of a text is a part of one of the kind's texts, ignoring case.

    The text must not contain a zero byte, which the database refuses to search for.
    """
    words = [
        {"$or": [{name: {"$regex": re.escape(word), "$options": "i"}} for name in kind.texts]} for word in text.split()
    ]
    return {"$and": words} if words else {}


def within(query: Document, field: str, since: datetime.datetime | None, until: datetime.datetime | None) -> None:
    """Adds a half-open time range to a query."""
    span = {"$gte": since, "$lt": until}
    if since or until:
        query[field] = {name: moment for name, moment in span.items() if moment}


def between(query: Document, after: int, before: int) -> None:
    """Adds bounds on the sequence (exclusive; 0 means none) to a query."""
    bounds = {"$gt": after, "$lt": before}
    if after or before:
        query["_id"] = {name: seq for name, seq in bounds.items() if seq}


def acting_on(service: str, design: str) -> Document:
    """The condition that the design in that field has an intent for a service, or one for all services.

    A short name in the design is in the design's namespace; a short `service` is one of any namespace.
    """
    namespace, name = service_parts(service)
    ends: list[Document] = [{end: {"$regex": f"^(.*/)?{re.escape(name)}$"}} for end in ("service", "source")]
    if namespace:
        ends = [{end: f"{namespace}/{name}"} for end in ("service", "source")]
    short = [{end: name} for end in ("service", "source")]
    place = {f"{design}.namespace": {"$in": [namespace, "", None]}} if namespace else {}
    return {
        "$or": [
            {f"{design}.intents": {"$elemMatch": {"$or": [*ends, {"service": None}]}}},
            {f"{design}.intents": {"$elemMatch": {"$or": short}}, **place},
        ]
    }


def cursor(row: Document, field: str) -> str:
    """The cursor of the page that ends with this document."""
    value = row.get(field)
    is_time = isinstance(value, datetime.datetime)
    place = _Place(field, value.isoformat() if is_time and value else value, row["_id"], is_time)
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def after(text: str, field: str, descending: bool) -> Document:
    """The condition for documents behind a cursor. Raises InvalidCursor."""
    try:
        padded = text + "=" * (-len(text) % 4)
        place = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=_Place)
        value: Any = _moment(str(place.value)) if place.is_time else place.value
    except (msgspec.DecodeError, binascii.Error, ValueError, OverflowError) as error:
        raise InvalidCursor("the cursor is damaged; start again without one") from error
    if not (_fits(value) and _fits(place.id)):
        raise InvalidCursor("the cursor is damaged; start again without one")
    if place.order != field:
        raise InvalidCursor(f"the cursor belongs to a list sorted by {place.order}, not by {field}")
    word = "$lt" if descending else "$gt"
    same = {field: value, "_id": {word: place.id}}
    if value is None:  # a missing value sorts before all others
        return same if descending else {"$or": [same, {field: {"$ne": None}}]}
    further = [same, {field: {word: value}}]
    return {"$or": [*further, {field: None}] if descending else further}


def _moment(text: str) -> datetime.datetime:
    """The time in a text. Raises ValueError, OverflowError."""
    return datetime.datetime.fromisoformat(text).astimezone(datetime.UTC)


def _fits(value: object) -> bool:
    """Whether the database can compare with it."""
    return not isinstance(value, int) or -(2**63) <= value < 2**63
