"""Validating documents against JSON Schemas that adapters announce, and finding the values that they mark.

Problem: a schema comes from another process; a careless validator would fetch URLs or never end. Invariant: nothing is
fetched; a problem names its place by a JSON pointer and never quotes the value, which may be a credential.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import jsonschema
import referencing
import referencing.exceptions

from meshwright.schemas.errors import FieldError
from meshwright.schemas.strict import MOST_ERRORS, escape

_DEEPEST = 32
_NOTHING: referencing.Registry[Any] = referencing.Registry()


class InvalidSchema(Exception):
    """The announced schema is not valid, or refers to something outside of it."""


def problems(value: Any, schema: dict[str, Any], pointer: str = "#") -> list[FieldError]:
    """The violations of the schema in `value`; `pointer` is the position of the value. Raises InvalidSchema."""
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
        errors = jsonschema.Draft202012Validator(schema, registry=_NOTHING).iter_errors(value)
        return [_message(error, pointer) for error in itertools.islice(errors, MOST_ERRORS)]
    except (jsonschema.SchemaError, referencing.exceptions.Unresolvable, RecursionError) as error:
        raise InvalidSchema(f"the announced JSON Schema cannot be used: {str(error).splitlines()[0]}") from error


def _message(error: jsonschema.ValidationError, pointer: str) -> FieldError:
    place = "/".join([pointer, *(escape(str(part)) for part in error.absolute_path)])
    wanted: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    match error.validator:
        case "type":
            return FieldError(detail=f"must be {_words(wanted)}", pointer=place)
        case "enum":
            return FieldError(detail=f"must be one of {_words(wanted)}", pointer=place)
        case "required":
            missing = [name for name in wanted if name not in instance]
            return FieldError(detail=f"needs {', '.join(missing)}", pointer=place)
        case "additionalProperties":
            known = schema.get("properties", {})
            unknown = [str(name)[:256] for name in instance if name not in known]
            return FieldError(detail=f"unknown: {', '.join(unknown[:10])}", pointer=place)
    return FieldError(detail=f"violates {error.validator}: {str(wanted)[:200]}", pointer=place)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def closed(node: Any) -> Any:
    """The schema with every object in it refusing unknown properties."""
    if isinstance(node, list):
        return [closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    parts = {key: closed(part) for key, part in node.items()}
    return {"additionalProperties": False, **parts} if isinstance(parts.get("properties"), dict) else parts


def marked(value: Any, schema: dict[str, Any], keyword: str, wanted: Any) -> list[str]:
    """The pointers (`/tls/key`) of the parts of `value` for which the schema says `keyword: wanted`."""
    return sorted(set(_marked(value, schema, schema, keyword, wanted, "", _DEEPEST)))


def _marked(
    value: Any, node: Any, root: dict[str, Any], keyword: str, wanted: Any, pointer: str, depth: int
) -> Iterator[str]:
    if not isinstance(node, dict) or depth == 0:
        return
    if node.get(keyword) == wanted:
        yield pointer
        return
    for part in (_referred(node, root), *(part for name in ("anyOf", "oneOf", "allOf") for part in node.get(name, []))):
        yield from _marked(value, part, root, keyword, wanted, pointer, depth - 1)
    if isinstance(value, dict):
        known = node.get("properties", {})
        for name, inner in value.items():
            below = known.get(name, node.get("additionalProperties"))
            yield from _marked(inner, below, root, keyword, wanted, f"{pointer}/{escape(str(name))}", depth - 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _marked(inner, node.get("items"), root, keyword, wanted, f"{pointer}/{index}", depth - 1)


def _referred(node: dict[str, Any], root: dict[str, Any]) -> Any:
    """The target of a local `$ref`."""
    reference = node.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/"):
        return None
    target: Any = root
    for part in reference[2:].split("/"):
        target = target.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(target, dict) else None
    return target
