"""An example of a value, made from its JSON Schema.

Problem: a written example ages unnoticed. Invariant: an example has every required field, one alternative of each union
and of each rule, and only values that its schema allows, or that its fields name as examples; it holds no more.
"""

from collections.abc import Callable, Mapping
from typing import Any

_DEEPEST = 12
_WORDS = {"uri": "https://example.com", "date-time": "2027-01-01T00:00:00Z"}
Schema = Mapping[str, Any]


class Examples:
    """Examples from schemas whose `$ref`s are in `definitions`, by the last part of the reference."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions

    def of(self, schema: Schema, *, optional: bool = False) -> Any:
        """An example; with `optional` also the fields of the outermost object that may be left out."""
        return self._value(schema, "", _DEEPEST, optional)

    def resolved(self, schema: Schema) -> dict[str, Any]:
        """The schema, with what it refers to in place of a reference."""
        if "$ref" not in schema:
            return dict(schema)
        target = self._definitions[schema["$ref"].rpartition("/")[2]]
        return {**self.resolved(target), **{key: value for key, value in schema.items() if key != "$ref"}}

    def _value(self, schema: Schema, name: str, depth: int, optional: bool = False) -> Any:
        whole = self.resolved(schema)
        for known in ("default", "examples", "const", "enum"):
            if whole.get(known):
                return whole[known][0] if known in ("examples", "enum") else whole[known]
        if "properties" in whole or whole.get("type") == "object":
            return self._object(whole, depth, optional)
        for union in ("anyOf", "oneOf"):
            if whole.get(union):
                return self._value(_first(whole[union]), name, depth)
        make = _PLAIN.get(_type(whole))
        return make(self, whole, name, depth) if make else None

    def _object(self, schema: Schema, depth: int, optional: bool) -> dict[str, Any]:
        properties = schema.get("properties", {})
        names = [*schema.get("required", ()), *self._demanded(schema)]
        if optional:
            excluded = {each for one in _alternatives(schema) for each in one["required"]}
            names += [each for each in properties if self._tells(properties[each]) and each not in excluded]
        return {
            each: self._value(properties[each], each, depth - 1)
            for each in dict.fromkeys(names)
            if each in properties and depth > 0
        }

    def _tells(self, field: Schema) -> bool:
        """Whether an optional field has an example of its own."""
        return bool(self.resolved(field).get("examples") or field.get("default"))

    def _demanded(self, schema: Schema) -> list[str]:
        """The fields that one alternative of the schema's rules requires."""
        return [each for one in _alternatives(schema)[:1] for each in one.get("required", ())]

    def _list(self, schema: Schema, name: str, depth: int) -> list[Any]:
        if depth == 0 or "items" not in schema:
            return []
        return [self._value(schema["items"], name.removesuffix("s"), depth - 1)]

    def _text(self, schema: Schema, name: str, depth: int) -> str:
        return _WORDS.get(schema.get("format", ""), name.replace("_", "-") or "text")

    def _number(self, schema: Schema, name: str, depth: int) -> Any:
        lowest, highest = schema.get("minimum", 1), schema.get("maximum", 1)
        return lowest if lowest >= 0 else min(1, highest)


def _alternatives(schema: Schema) -> list[Schema]:
    """The alternatives of the first rule between the fields of an object."""
    for part in (schema, *schema.get("allOf", ())):
        for union in ("oneOf", "anyOf"):
            if part.get(union) and all("required" in one for one in part[union]):
                return list(part[union])
    return []


def _first(schemas: list[Schema]) -> Schema:
    return next((each for each in schemas if each.get("type") != "null"), schemas[0])


def _type(schema: Schema) -> str:
    kind = schema.get("type", "")
    return str(next((each for each in kind if each != "null"), "null") if isinstance(kind, list) else kind)


_PLAIN: dict[str, Callable[[Examples, Schema, str, int], Any]] = {
    "array": Examples._list,
    "string": Examples._text,
    "integer": Examples._number,
    "number": Examples._number,
    "boolean": lambda *_: True,
}
