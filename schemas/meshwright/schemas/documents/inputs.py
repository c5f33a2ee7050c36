"""The JSON Schemas of request bodies, as `strict.decode` and the rules enforce them.

Problem: a document that accepts what the server refuses breaks every generated client, while what is read must stay
open for fields of later versions. Invariant: these schemas refuse unknown fields, bound integers to 64 bits, and
express each rule across fields that JSON Schema can express; a type that is also read keeps its own, lax schema, since
what was stored before a rule must stay readable.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from meshwright.schemas import intents
from meshwright.schemas.base import DURATION_PATTERN, Model
from meshwright.schemas.documents import jsonschema

INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1}
SUFFIX = "Input"
"""the suffix of the name of a type that is both written and read"""
_KEYS = {"pattern": "^[^\\u0000]*$"}
_NOTHING = {"pattern": "^0+(\\.0+)?[a-z]"}
"""a duration of zero"""
_REF = "#/components/schemas/{name}"


def given(*names: str) -> dict[str, Any]:
    """A schema that requires all these fields to be present and not null."""
    return {"required": list(names), "properties": {name: {"not": {"type": "null"}} for name in names}}


def exactly_one(*names: str) -> dict[str, Any]:
    """A schema that requires exactly one of these fields."""
    return {"oneOf": [given(name) for name in names]}


RULES: Mapping[type[Model], dict[str, Any]] = {
    intents.HeaderMatch: {
        "allOf": [
            exactly_one("exact", "prefix", "regex"),
            {"properties": {"regex": {"maxLength": intents.LONGEST_REGEX}}},
        ]
    },
    intents.CircuitBreaker: {
        "anyOf": [
            given(name)
            for name in ("max_connections", "max_pending_requests", "max_requests", "max_retries", "outlier_detection")
        ]
    },
    intents.LoadBalancing: {
        "if": {"properties": {"policy": {"const": "ring-hash"}}},
        "then": given("hash_header"),
    },
}
"""the rules of `intents.intent_problems`, except those that JSON Schema cannot express (sums of weights, distinct
names)"""


def components(
    written: Iterable[type[msgspec.Struct]], read: Iterable[str], rules: Mapping[type[Model], dict[str, Any]] = RULES
) -> dict[str, Any]:
    """The schemas of these Structs and of all they refer to, by name; `read` names those that are also read."""
    schemas = jsonschema.components(written, _REF, discriminators=True)
    renamed = {name: f"{name}{SUFFIX}" if name in read else name for name in schemas}
    refs = {_REF.format(name=old): _REF.format(name=new) for old, new in renamed.items()}
    by_name = {kind.__name__: rule for kind, rule in rules.items()}
    return {renamed[name]: _strict(schema, refs) | by_name.get(name, {}) for name, schema in schemas.items()}


def bounded(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with integers bounded to 64 bits."""
    bounded_schema: dict[str, Any] = _strict(schema, {})
    return bounded_schema


def _strict(node: Any, refs: dict[str, str]) -> Any:
    if isinstance(node, list):
        return [_strict(item, refs) for item in node]
    if isinstance(node, str):
        return refs.get(node, node)
    if not isinstance(node, dict):
        return node
    strict = {key: value if key == "default" else _strict(value, refs) for key, value in node.items()}
    if node.get("type") == "integer":
        strict = INT64 | strict
    elif node.get("type") == "object":
        strict |= {"additionalProperties": False} if "properties" in node else {"propertyNames": _KEYS}
    elif node.get("pattern") == DURATION_PATTERN:
        strict["not"] = _NOTHING
    return strict
