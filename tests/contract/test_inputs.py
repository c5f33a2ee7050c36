"""The schemas of what people write. Invariant: they call valid what decodes strictly and breaks no rule."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshwright.schemas import strict
from meshwright.schemas.documents import inputs
from meshwright.schemas.intents import INTENT_TYPES, Intent, intent_kind, intent_problems
from rig.inputs import fuzzing, schema_values

UNSAID = ("the weights add up to", "a version appears twice")
"""rules that JSON Schema cannot say; the description of TrafficSplit does"""
DOCUMENT = {"components": {"schemas": inputs.components(INTENT_TYPES, ())}}
INT64 = 2**63


def is_taken(value: Any, kind: type[Intent]) -> bool:
    """Whether the API takes it, apart from what no schema can say."""
    if not isinstance(value, dict) or value.get("intent") != intent_kind(kind):  # by which it is chosen from all kinds
        return False
    try:
        problems = intent_problems(strict.decode(value, kind), "#")
    except strict.InvalidDocument:
        return False
    return not [one for one in problems if not one.detail.startswith(UNSAID)]


def is_json(value: Any) -> bool:
    """Whether it can stand in a body."""
    try:
        return bool(json.dumps(value, allow_nan=False))
    except (ValueError, TypeError):
        return False


@pytest.mark.parametrize("kind", INTENT_TYPES, ids=lambda one: one.__name__)
def test_a_schema_says_what_is_taken(kind: type[Intent]) -> None:
    """An intent that fits its schema is taken; one with odd parts is taken just when it still fits."""
    schema = {"$ref": f"#/components/schemas/{kind.__name__}"}
    validator = jsonschema.Draft202012Validator({**schema, **DOCUMENT})
    fitting = schema_values.values(DOCUMENT, schema, ("reviews", "v1"))

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(fitting | _relaxed(kind), st.data())
    def holds(value: Any, data: st.DataObject) -> None:
        assert validator.is_valid(value) == is_taken(value, kind)
        odd = data.draw(fuzzing.altered(st.just(value)).filter(is_json))
        if not _ends_in_a_line_break(odd):  # which Python's `$` lets pass, and no other dialect
            assert validator.is_valid(odd) == is_taken(odd, kind), odd

    holds()


def _relaxed(kind: type[Intent]) -> st.SearchStrategy[Any]:
    """What fits the fields of the type, whatever the rules say."""
    lax = {name: _lax(schema) for name, schema in DOCUMENT["components"]["schemas"].items()}
    whole = {"components": {"schemas": lax}}
    return schema_values.values(whole, {"$ref": f"#/components/schemas/{kind.__name__}"}, ("reviews",))


def _lax(node: Any) -> Any:
    if isinstance(node, list):
        return [_lax(one) for one in node]
    if not isinstance(node, dict):
        return node
    rules = ("allOf", "not", "if", "then", *(("anyOf", "oneOf") if "properties" in node else ()))
    return {key: _lax(value) for key, value in node.items() if key not in rules}


def _ends_in_a_line_break(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_ends_in_a_line_break, (*value, *value.values())))
    if isinstance(value, list):
        return any(map(_ends_in_a_line_break, value))
    return isinstance(value, str) and value.endswith("\n")
