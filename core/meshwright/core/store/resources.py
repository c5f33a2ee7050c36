"""Objects of clusters as their view stores them: searchable by label and by text.

Problem: a label's key has dots, which separate names in a query, and a body may be nested in any way. Invariant: a
label is indexed as the terms `key` and `key=value` of one list, the body is stored as text; a page of resources is read
without bodies. Selectors are values here, so no request can write a database operator.
"""

import re
from typing import Any, Literal

import msgspec

from meshwright.core.store.connecting import Document
from meshwright.schemas.base import Model
from meshwright.schemas.discovery import ClusterResource, ResourceSummary

_SHARED = ResourceSummary.__struct_fields__


class IndexedResource(ResourceSummary, frozen=True, kw_only=True):
    """An object with its search terms. `content` is its body, empty when it was read for a list."""

    terms: list[str] = []
    content: str = ""
    trimmed: list[str] = []
    redacted: list[str] = []

    @property
    def summary(self) -> ResourceSummary:
        """The fields shown in a list."""
        return ResourceSummary(**{name: getattr(self, name) for name in _SHARED})

    @property
    def whole(self) -> ClusterResource:
        """The complete object."""
        return ClusterResource(
            **{name: getattr(self, name) for name in _SHARED},
            body=msgspec.json.decode(self.content),
            trimmed=self.trimmed,
            redacted=self.redacted,
        )


def indexed(resource: ClusterResource) -> IndexedResource:
    """The object with its search terms."""
    return IndexedResource(
        **{name: getattr(resource, name) for name in _SHARED},
        terms=sorted({*resource.labels, *(f"{key}={value}" for key, value in resource.labels.items())}),
        content=msgspec.json.encode(resource.body).decode(),
        trimmed=resource.trimmed,
        redacted=resource.redacted,
    )


class Requirement(Model, frozen=True, kw_only=True):
    """One part of a label selector: the label exists, or does not, and has one of these values when there are any."""

    key: str
    operator: Literal["in", "notin"]
    values: list[str] = []

    @property
    def terms(self) -> list[str]:
        """The terms of which an object must have one, or none."""
        return [f"{self.key}={value}" for value in self.values] or [self.key]


def matching(requirements: list[Requirement], text: str) -> Document:
    """The condition that an object matches all parts of a label selector and its body contains a text, ignoring case.

    The text must not contain a zero byte, which the database refuses to search for.
    """
    words = {"in": "$in", "notin": "$nin"}
    parts: list[Any] = [{"terms": {words[one.operator]: one.terms}} for one in requirements]
    if text:
        parts.append({"content": {"$regex": re.escape(text), "$options": "i"}})
    return {"$and": parts} if parts else {}
