"""Checking one custom resource against its definition.

Invariant: a problem names its place by a JSON pointer and never repeats a value that people wrote, which may be a
credential. One mistake gives one problem.
"""

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import jsonschema
import msgspec
import referencing

from meshwright.core.kit.structural.definitions import Definition
from meshwright.core.kit.structural.keywords import EMBEDDED, INT_OR_STRING, VALIDATOR
from meshwright.core.kit.structural.preparing import prepare
from meshwright.schemas.strict import MOST_ERRORS, escape

_NOTHING: referencing.Registry[Any] = referencing.Registry()
_CHOICES = ("oneOf", "anyOf")


class SchemaProblem(msgspec.Struct, frozen=True):
    """Where a resource is not as its schema says, and why. `is_dropped`: the server passes over it when told to."""

    pointer: str
    detail: str
    is_dropped: bool = False


def check(body: dict[str, Any], definition: Definition) -> list[SchemaProblem]:
    """What is wrong with a custom resource, in the order of its fields."""
    name = str(body.get("apiVersion", "")).rpartition("/")[2]
    version = definition.versions.get(name)
    if version is None or not version.served:
        served = ", ".join(definition.served) or "none"
        return [
            SchemaProblem("#/apiVersion", f"version {name} of {definition.kind} is not served; there are: {served}")
        ]
    sent = {key: value for key, value in body.items() if key != "status" or not version.has_status}
    prepared = prepare(sent, version.schema)
    schema = {**version.document, EMBEDDED: True}
    errors = VALIDATOR(schema, registry=_NOTHING).iter_errors(prepared.value)
    problems = itertools.islice(_problems(errors), MOST_ERRORS)
    unknown = [SchemaProblem(each, "is no field of its kind", is_dropped=True) for each in prepared.unknown]
    return [*dict.fromkeys(problems), *unknown]


def _problems(errors: Iterable[jsonschema.ValidationError]) -> Iterator[SchemaProblem]:
    for error in errors:
        schema: Any = error.schema
        if error.validator in _CHOICES and schema.get(INT_OR_STRING):
            continue  # said already, in plainer words
        place = "/".join(["#", *(escape(str(part)) for part in error.absolute_path)])
        yield SchemaProblem(place, _reason(error))


def _reason(error: jsonschema.ValidationError) -> str:
    wanted: Any = error.validator_value
    value: Any = error.instance
    match error.validator:
        case "oneOf" | "anyOf":
            return _choice(value, wanted, is_single=error.validator == "oneOf")
        case "not":
            fields = [name for name in _fields(wanted) if isinstance(value, dict) and name in value]
            return f"must not have {' together with '.join(fields)}" if fields else "is excluded by its schema"
        case "multipleOf":
            return f"must be a multiple of {wanted}"
    return error.message


def _choice(value: Any, alternatives: list[Any], *, is_single: bool) -> str:
    fields = list(dict.fromkeys(name for each in alternatives for name in _fields(each)))
    given = [name for name in fields if isinstance(value, dict) and name in value]
    if is_single and len(given) > 1:
        return f"may have only one of {', '.join(given)}"
    if fields and not given:
        return f"needs one of {', '.join(fields)}"
    which = "exactly one" if is_single else "any"
    return f"is not as {which} of the alternatives of its schema has it"


def _fields(schema: Any) -> Iterator[str]:
    """The fields that a schema, or what is in it, asks for."""
    if not isinstance(schema, dict):
        return
    yield from schema.get("required") or []
    for each in (*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", []), schema.get("not")):
        yield from _fields(each)
