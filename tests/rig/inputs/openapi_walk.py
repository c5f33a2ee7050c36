"""The served OpenAPI document as tests walk it: every operation with its role, and a request that fits its schemas.

Invariant: nothing is known here of single routes, so that a new one is in every walk by itself.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
_BY_PATTERN = (
    ("[0-9A-HJKMNP-TV-Z]{26}", "0" * 26),
    ("(ms|s|m|h)", "1s"),
    ("^[a-z0-9]", "none"),
    ("^[a-z]", "none"),
    ("[A-Za-z0-9.:-]{1,253}", "127.0.0.1"),
)
"""A text that fits, by a piece of the pattern."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of the document. `role` None: public."""

    id: str
    method: str
    path: str
    role: str | None
    everywhere: bool
    parts: dict[str, Any]
    """path parameter to its schema"""
    query: dict[str, Any]
    """parameter name to its schema"""
    body: dict[str, Any] | None
    media_types: list[str]
    statuses: dict[str, list[str]]
    """declared status to the media types of its body"""

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method != "GET"

    @property
    def places(self) -> list[str]:
        """The parameters in the path."""
        return re.findall(r"\{([a-z_]+)\}", self.path)

    def at(self, *values: str) -> str:
        """The path with these values in its places."""
        result = self.path
        for place, value in zip(self.places, values, strict=True):
            result = result.replace(f"{{{place}}}", value)
        return result

    def fitting(self, wanted: str) -> str:
        """The path with this value wherever it fits the parameter, and elsewhere with one that does."""
        schemas = [self.parts[place] for place in self.places]
        return self.at(*(wanted if re.search(one["pattern"], wanted) else example({}, one, {}) for one in schemas))


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Every operation that the document declares."""
    return [
        _operation(path, method, declared)
        for path, methods in document["paths"].items()
        for method, declared in methods.items()
        if method in _METHODS
    ]


def _operation(path: str, method: str, declared: Mapping[str, Any]) -> Operation:
    content = declared.get("requestBody", {}).get("content", {})
    return Operation(
        id=declared["operationId"],
        method=method.upper(),
        path=path,
        role=declared.get("x-role"),
        everywhere=declared.get("x-everywhere", False),
        parts={one["name"]: one["schema"] for one in declared["parameters"] if one["in"] == "path"},
        query={one["name"]: one["schema"] for one in declared["parameters"] if one["in"] == "query"},
        body=next(iter(content.values()))["schema"] if content else None,
        media_types=list(content),
        statuses={status: list(one.get("content", {})) for status, one in declared["responses"].items()},
    )


def body(document: Mapping[str, Any], operation: Operation, *, every_field: bool = False, **known: Any) -> Any:
    """A body that the operation takes, None when it takes none; further arguments as for `example`."""
    if operation.body is None:
        return None
    return example(document, operation.body, known, every_field=every_field)


def example(
    document: Mapping[str, Any], schema: Mapping[str, Any], known: Mapping[str, Any], *, every_field: bool = False
) -> Any:
    """The smallest value that fits a schema, or one with every field.

    A field that `known` names gets that value wherever it stands.
    """

    def inner(schema: Mapping[str, Any]) -> Any:
        return example(document, schema, known, every_field=every_field)

    schema = resolved(document, schema)
    if "const" in schema or "enum" in schema:
        return schema.get("const", next(iter(schema.get("enum", [None]))))
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return inner(_chosen(schema, choice))
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        return {
            name: known[name] if name in known else inner(field)
            for name, field in properties.items()
            if name in known or name in required or every_field
        }
    if kind == "array":
        count = max(schema.get("minItems", 0), int(every_field))
        return [inner(schema.get("items", {"type": "string"})) for _ in range(count)]
    if kind == "string":
        return _text(schema)
    return {"integer": max(schema.get("minimum", 1), 1), "number": 1.0, "boolean": False, "null": None}[kind]


def _chosen(schema: Mapping[str, Any], choice: str) -> Mapping[str, Any]:
    """The first of the choices, together with what the schema says beside them."""
    beside = {name: value for name, value in schema.items() if name != choice}
    first = schema[choice][0]
    if "properties" not in beside:
        return first  # type: ignore[no-any-return]  # a schema of the document
    properties = {
        name: {**field, **first.get("properties", {}).get(name, {})} for name, field in beside["properties"].items()
    }
    return {**beside, "properties": properties, "required": [*beside.get("required", ()), *first.get("required", ())]}


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema itself, behind any references."""
    while "$ref" in schema:
        result: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            result = result[step]
        schema = result
    return schema


def _text(schema: Mapping[str, Any]) -> str:
    if schema.get("format") == "date-time":
        return "2030-01-01T00:00:00Z"
    if "examples" in schema:
        return str(schema["examples"][0])
    pattern = schema.get("pattern", "")
    return next((text for piece, text in _BY_PATTERN if piece in pattern), "none")
