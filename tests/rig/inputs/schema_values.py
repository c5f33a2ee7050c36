"""Values that fit a JSON Schema of the OpenAPI document, for Hypothesis.

Invariant: only the keywords of the project's own schemas are supported; another keyword fails.
"""

import datetime
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import jsonschema
from hypothesis import strategies as st

from rig.inputs import openapi_walk

_KNOWN = {
    "title", "description", "examples", "default", "discriminator", "type", "properties", "required", "items", "enum",
    "const", "anyOf", "oneOf", "pattern", "format", "minLength", "maxLength", "minItems", "maxItems", "minimum",
    "maximum", "additionalProperties", "exclusiveMinimum", "propertyNames", "allOf", "not", "if", "then", "readOnly",
    "writeOnly",
}  # fmt: skip
_RULES = {"allOf", "anyOf", "oneOf", "not", "if", "then"}
"""which a value is held to when it is made; they refer to nothing"""
_KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
_NAMES = "^[a-z0-9]("
"""the beginning of the pattern of names"""
_INT64 = 2**63
_free: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-_INT64, _INT64 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=5,
)


def values(document: Mapping[str, Any], schema: Mapping[str, Any], names: Sequence[str] = ()) -> st.SearchStrategy[Any]:
    """Values of that schema; `names` are those of things that are there, to be used where a name is wanted."""
    schema = openapi_walk.resolved(document, schema)
    assert set(schema) <= _KNOWN, f"teach schema_values {set(schema) - _KNOWN}"

    def inner(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
        return values(document, schema, names)

    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if "type" not in schema and (choices := schema.get("anyOf") or schema.get("oneOf")):
        return st.one_of([inner(one) for one in choices])
    makers = {
        "object": lambda: _objects(schema, inner),
        "array": lambda: st.lists(inner(schema.get("items", {})), min_size=schema.get("minItems", 0), max_size=3),
        "string": lambda: _texts(schema, names),
        "integer": lambda: _whole_numbers(schema.get("minimum"), schema.get("maximum")),
        "number": lambda: st.floats(
            schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False
        ),
        "boolean": st.booleans,
        "null": st.none,
    }
    made = makers[schema["type"]]() if "type" in schema else _free
    rules = {name: rule for name, rule in schema.items() if name in _RULES}
    return made.filter(jsonschema.Draft202012Validator(rules).is_valid) if rules else made


def _objects(schema: Mapping[str, Any], inner: Any) -> st.SearchStrategy[Any]:
    fields = schema.get("properties", {})
    required = {name: inner(fields[name]) for name in schema.get("required", ())}
    optional = {name: inner(field) for name, field in fields.items() if name not in required}
    if fields or schema.get("additionalProperties") is False:
        return st.fixed_dictionaries(required, optional=optional)
    more = schema.get("additionalProperties", {})
    return st.dictionaries(_KEYS, inner(more) if isinstance(more, Mapping) else _free, max_size=3)


def _whole_numbers(least: int | None, most: int | None) -> st.SearchStrategy[int]:
    """As large as the schema allows, also where it allows too much."""
    edges = [_INT64 if most is None else most, -_INT64 - 1 if least is None else least]
    return st.integers(least, most) | st.sampled_from(edges)


def _texts(schema: Mapping[str, Any], names: Sequence[str]) -> st.SearchStrategy[str]:
    if schema.get("format") == "date-time":
        moments = st.datetimes(datetime.datetime(1990, 1, 1), datetime.datetime(2090, 1, 1))  # noqa: DTZ001 - made UTC
        return moments.map(lambda moment: f"{moment.isoformat()}Z")
    pattern = schema.get("pattern", "")
    if not pattern:
        return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 40), 40))
    least, most = schema.get("minLength", 0), schema.get("maxLength", sys.maxsize)
    fitting = st.from_regex(pattern.removesuffix("$") + r"\Z", fullmatch=True)
    fitting = fitting.filter(lambda text: least <= len(text) <= most)
    return st.sampled_from(names) | fitting if names and pattern.startswith(_NAMES) else fitting
