"""Random fields of the real kinds of Istio and the Gateway API, for Hypothesis.

Every field of a definition may be there. Texts are words that mean something to Istio, so that many a resource makes
sense, and whole numbers are small.
"""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

_WORDS = st.sampled_from(
    (
        *("reviews", "ratings", "reviews-v1", "reviews.shop.svc.cluster.local", "api.example.com", "shop", "v1", "v2"),
        *("mesh", "edge", "Service", "core", "jason", ".*", "a*", "/api*", "/", "/a", "GET", "5xx,reset", "1s", "0s"),
        *("250ms", "STRICT", "ALLOW", "Exact", "RequestMirror", "cluster.local/ns/shop/sa/bookinfo-web"),
    )
)
_KEYS = st.sampled_from(["app", "version", "x-user", "9080"])
_NUMBERS = st.sampled_from([0, 1, 2, 50, 100, 503, 9080])
_MOST = 2
_DEPTH = 7


def extended(schema: dict[str, Any], sensible: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A specification with up to three more fields, anywhere in it."""

    def drawn(draw: Any) -> dict[str, Any]:
        result = copy.deepcopy(sensible)
        for _ in range(draw(st.integers(1, 3))):
            places = [(at, name, field) for at, fields in _places(schema, result) for name, field in fields.items()]
            if absent := [each for each in places if each[1] not in each[0]]:
                at, name, field = draw(st.sampled_from(absent))
                at[name] = _drawn(draw, field, _DEPTH - 3)
        return result

    return st.composite(drawn)()


def _places(schema: dict[str, Any], value: Any) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The mappings in a value, each with the fields that its definition gives it."""
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        if fields:
            yield value, fields
        for key, each in value.items():
            more = schema.get("additionalProperties")
            yield from _places(fields.get(key) or (more if isinstance(more, dict) else {}), each)
    elif isinstance(value, list):
        for each in value:
            yield from _places(schema.get("items", {}), each)


def specifications(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Specifications that a definition allows, but for the rules that its patterns and expressions add."""
    return st.composite(lambda draw: _drawn(draw, schema, 0))()


def _drawn(draw: Any, schema: dict[str, Any], depth: int) -> Any:
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    kind = schema.get("type")
    if schema.get("x-kubernetes-int-or-string"):
        return draw(_NUMBERS | _WORDS)
    if kind == "object":
        return _mapping(draw, schema, depth)
    if kind == "array":
        size = draw(st.integers(schema.get("minItems", 0) or (1 if depth < _DEPTH else 0), _MOST))
        return [_drawn(draw, schema["items"], depth + 1) for _ in range(size)]
    if kind in ("integer", "number"):
        return draw(_NUMBERS)
    return draw(st.booleans() if kind == "boolean" else _WORDS)


def _mapping(draw: Any, schema: dict[str, Any], depth: int) -> dict[str, Any]:
    fields, more = schema.get("properties", {}), schema.get("additionalProperties")
    if not fields and isinstance(more, dict):
        return {draw(_KEYS): _drawn(draw, more, depth + 1) for _ in range(draw(st.integers(0, _MOST)))}
    required = schema.get("required", ())
    chosen = draw(st.sets(st.sampled_from(sorted(fields)), max_size=3)) if fields and depth < _DEPTH else set()
    return {name: _drawn(draw, fields[name], depth + 1) for name in sorted({*chosen, *required})}
