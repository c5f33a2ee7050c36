"""The keywords of structural schemas for `jsonschema`: OpenAPI v3's, and those that begin with `x-kubernetes-`.

Invariant: a keyword means here what it means to an API server. Patterns are Go's, whose engine never takes long (RE2).
"""

from collections.abc import Callable, Iterator
from typing import Any

import jsonschema
import msgspec
import re2  # type: ignore[import-untyped]  # google-re2 has no types
from jsonschema import validators

from meshwright.core.kit.structural.formats import has_format
from meshwright.core.kit.structural.schema import METADATA

Errors = Iterator[jsonschema.ValidationError]
Keyword = Callable[[Any, Any, Any, dict[str, Any]], Errors]
INT_OR_STRING = "x-kubernetes-int-or-string"
EMBEDDED = "x-kubernetes-embedded-resource"
LIST_TYPE = "x-kubernetes-list-type"
LIST_MAP_KEYS = "x-kubernetes-list-map-keys"


def _is_integer(_: Any, value: Any) -> bool:
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _error(message: str) -> jsonschema.ValidationError:
    return jsonschema.ValidationError(message)


def _type(validator: Any, wanted: Any, value: Any, schema: dict[str, Any]) -> Errors:
    if (value is None and schema.get("nullable")) or schema.get(INT_OR_STRING):
        return
    if not validator.is_type(value, wanted):
        yield _error(f"must be of type {wanted}, not {_type_of(value)}")


def _type_of(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def _int_or_string(_: Any, wanted: Any, value: Any, schema: dict[str, Any]) -> Errors:
    is_either = isinstance(value, str) or _is_integer(None, value)
    if wanted and not is_either and not (value is None and schema.get("nullable")):
        yield _error(f"must be an integer or a string, not {_type_of(value)}")


def _enum(_: Any, wanted: list[Any], value: Any, schema: dict[str, Any]) -> Errors:
    if value is None and schema.get("nullable"):
        return
    if not any(each == value and type(each) is type(value) for each in wanted):
        yield _error(f"must be one of {', '.join(map(str, wanted))}")


def _required(validator: Any, wanted: list[str], value: Any, _: dict[str, Any]) -> Errors:
    missing = [each for each in wanted if isinstance(value, dict) and each not in value]
    if missing:
        yield _error(f"needs {', '.join(missing)}")


def _pattern(_: Any, wanted: str, value: Any, __: dict[str, Any]) -> Errors:
    if isinstance(value, str) and not re2.search(wanted, value):
        yield _error(f"must match the pattern {wanted}")


def _format(_: Any, wanted: str, value: Any, __: dict[str, Any]) -> Errors:
    if isinstance(value, str) and not has_format(value, wanted):
        yield _error(f"must be a {wanted}")


def _list_type(_: Any, wanted: str, value: Any, schema: dict[str, Any]) -> Errors:
    if not isinstance(value, list) or wanted not in ("set", "map"):
        return
    keys = schema.get(LIST_MAP_KEYS) or []
    seen: dict[bytes, int] = {}
    for index, each in enumerate(value):
        identity = [each.get(key) for key in keys] if wanted == "map" and isinstance(each, dict) else each
        first = seen.setdefault(msgspec.json.encode(identity, order="deterministic"), index)
        if first != index:
            what = f"the {', '.join(keys)} of item {first}" if wanted == "map" else f"item {first}"
            error = _error(f"repeats {what}")
            error.path.append(index)
            yield error


def _embedded(validator: Any, wanted: Any, value: Any, _: dict[str, Any]) -> Errors:
    if not wanted or not isinstance(value, dict):
        return
    if "metadata" in value:
        yield from validator.descend(value["metadata"], METADATA, path="metadata")
    missing = [each for each in ("apiVersion", "kind") if not isinstance(value.get(each), str) or not value[each]]
    if missing:
        yield _error(f"is a whole resource, and needs {', '.join(missing)}")


def _bound(name: str, words: str, breaks: Callable[[Any, Any], bool], kinds: tuple[type, ...]) -> tuple[str, Keyword]:
    def keyword(_: Any, wanted: Any, value: Any, __: dict[str, Any]) -> Errors:
        if isinstance(value, kinds) and not isinstance(value, bool) and breaks(value, wanted):
            yield _error(words.format(wanted))

    return name, keyword


def _maximum(_: Any, wanted: Any, value: Any, schema: dict[str, Any]) -> Errors:
    is_exclusive = bool(schema.get("exclusiveMaximum"))
    if _is_number(value) and (value > wanted or (is_exclusive and value == wanted)):
        yield _error(f"must be {'less than' if is_exclusive else 'at most'} {wanted}")


def _minimum(_: Any, wanted: Any, value: Any, schema: dict[str, Any]) -> Errors:
    is_exclusive = bool(schema.get("exclusiveMinimum"))
    if _is_number(value) and (value < wanted or (is_exclusive and value == wanted)):
        yield _error(f"must be {'more than' if is_exclusive else 'at least'} {wanted}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


VALIDATOR: Any = validators.extend(  # type: ignore[no-untyped-call]
    jsonschema.Draft4Validator,
    {
        "$ref": None,
        "type": _type,
        "enum": _enum,
        "required": _required,
        "pattern": _pattern,
        "format": _format,
        "maximum": _maximum,
        "minimum": _minimum,
        INT_OR_STRING: _int_or_string,
        EMBEDDED: _embedded,
        LIST_TYPE: _list_type,
        **dict(
            [
                _bound("maxLength", "must have at most {} characters", lambda v, n: len(v) > n, (str,)),
                _bound("minLength", "must have at least {} characters", lambda v, n: len(v) < n, (str,)),
                _bound("maxItems", "must have at most {} items", lambda v, n: len(v) > n, (list,)),
                _bound("minItems", "must have at least {} items", lambda v, n: len(v) < n, (list,)),
                _bound("maxProperties", "must have at most {} fields", lambda v, n: len(v) > n, (dict,)),
                _bound("minProperties", "must have at least {} fields", lambda v, n: len(v) < n, (dict,)),
            ]
        ),
    },
    type_checker=jsonschema.Draft4Validator.TYPE_CHECKER.redefine("integer", _is_integer),
)
