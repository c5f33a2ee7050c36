"""A resource as an API server has it before it validates: unknown fields dropped, empty ones filled with defaults.

Invariant: the order is the server's (unknown fields, nulls, defaults), and the given resource is not changed.
"""

import copy
from typing import Any

import msgspec

from meshwright.core.kit.structural.schema import METADATA_SCHEMA, Schema
from meshwright.schemas.strict import escape

_METADATA = "metadata"
_IMPLIED = frozenset({"apiVersion", "kind", _METADATA})


class Prepared(msgspec.Struct, frozen=True):
    """The resource, and the pointers to what was dropped as unknown."""

    value: Any
    unknown: list[str]


def prepare(body: dict[str, Any], schema: Schema) -> Prepared:
    """A custom resource, ready to be validated."""
    unknown: list[str] = []
    return Prepared(_fields(body, schema, "#", unknown, is_resource=True), unknown)


def _prepared(value: Any, schema: Schema, pointer: str, unknown: list[str]) -> Any:
    if isinstance(value, dict):
        return _fields(value, schema, pointer, unknown, is_resource=schema.embedded)
    if isinstance(value, list) and schema.items is not None:
        items = [_given(each, schema.items) for each in value]
        return [_prepared(each, schema.items, f"{pointer}/{index}", unknown) for index, each in enumerate(items)]
    return value


def _fields(
    value: dict[str, Any], schema: Schema, pointer: str, unknown: list[str], *, is_resource: bool
) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, inner in value.items():
        place = f"{pointer}/{escape(str(name))}"
        below = schema.properties.get(name, schema.additional_properties)
        if is_resource and name in _IMPLIED:
            content[name] = _prepared(inner, METADATA_SCHEMA, place, unknown) if name == _METADATA else inner
        elif isinstance(below, Schema):
            given = _given(inner, below)
            if given is not None or below.nullable:
                content[name] = _prepared(given, below, place, unknown)
        elif below or schema.preserve_unknown:
            content[name] = inner
        else:
            unknown.append(place)
    for name, below in schema.properties.items():
        if name not in content and (given := _given(None, below)) is not None:
            content[name] = _prepared(given, below, f"{pointer}/{escape(name)}", [])
    return content


def _given(value: Any, schema: Schema) -> Any:
    """The value, or the default of its schema where it is null and may not be."""
    if value is None and not schema.nullable and schema.default is not msgspec.UNSET:
        return copy.deepcopy(schema.default)
    return value
