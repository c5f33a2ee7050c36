"""Strict decoding of user input: unknown fields are refused and every problem names its place.

Problem: the contract's Structs skip unknown fields so that versions can mix on the bus; at the API a skipped field is a
typo that silently does nothing. Invariant: `decode` returns a value that holds everything the sender wrote, or raises
`InvalidDocument` with a JSON pointer (RFC 6901) for each problem; what it returns can be stored: of bounded depth,
without a number that a database would refuse.
"""

import difflib
import enum
import itertools
import math
import re
import types
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, TypeVar

import msgspec

from meshwright.schemas.base import (
    DURATION_PATTERN,
    NAME_PATTERN,
    NAMESPACE_PATTERN,
    OBJECT_PATTERN,
    SERVICE_PATTERN,
    whole,
)
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import Intent, intent_problems

T = TypeVar("T")
MAX_DEPTH = 64
"""maximum nesting of one document; MongoDB stores 100 levels, and a design is nested in other documents"""

MOST_ERRORS = 100
"""maximum number of errors reported for one document"""
_EXACT = 2**53
"""the limit below which floats represent all integers exactly"""
_LONGEST_KEY = 256
"""maximum length of a reported key; an error about a longer one names its object"""

_PLACE = re.compile(r" - at `(?:key` in `)?\$([^`]*)`$")
_CHOICE = re.compile(r"Invalid enum value '(.*)'", re.DOTALL)
_MOST_CHOICES = 20
_TOKEN = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_WORDS = {
    f"`str` matching regex {whole(NAME_PATTERN)!r}": "at most 63 of a-z, 0-9 and inner -",
    f"`str` matching regex {whole(OBJECT_PATTERN)!r}": "at most 253 of a-z, 0-9 and inner - and .",
    f"`str` matching regex {whole(NAMESPACE_PATTERN)!r}": "a namespace: at most 63 of a-z, 0-9 and inner -",
    f"`str` matching regex {whole(SERVICE_PATTERN)!r}": "name or namespace/name, each 63 of a-z, 0-9, inner -",
    f"`str` matching regex {whole(DURATION_PATTERN)!r}": "a number and ms, s, m or h, as in 250ms",
}


class InvalidDocument(Exception):
    """A document violates the contract; `errors` says where and how."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__("; ".join(f"{error.pointer}: {error.detail}" for error in errors))
        self.errors = errors


def decode(raw: Any, kind: type[T]) -> T:
    """Convert plain JSON-like data to `kind`, refusing unknown fields.

    Raises InvalidDocument: with everything (up to MOST_ERRORS) that is unknown or invalid, or else cannot be stored.
    """
    try:
        raw, value = _converted(raw, kind)
        complaints = _complaints(raw, msgspec.to_builtins(value), "#", MAX_DEPTH)
        first_complaints = list(itertools.islice(complaints, MOST_ERRORS))
    except msgspec.ValidationError as error:
        raise InvalidDocument(_every_problem(raw, kind) or [field_error(str(error))]) from error
    except RecursionError as error:
        raise InvalidDocument([FieldError(detail=f"nested deeper than {MAX_DEPTH} levels")]) from error
    if first_complaints:
        raise InvalidDocument(first_complaints)
    return value


def _converted(raw: Any, kind: type[T]) -> tuple[Any, T]:
    """The data as it was decoded, and its value; JSON Schema accepts 2.0 as an integer, as JSON itself does."""
    try:
        return raw, msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        if "Expected `int" not in str(error) or "got `float`" not in str(error):
            raise
    raw = _whole_numbers(raw)
    return raw, msgspec.convert(raw, kind)


def _whole_numbers(raw: Any) -> Any:
    """The same data with 2 for 2.0, where that is exact."""
    if isinstance(raw, dict):
        return {key: _whole_numbers(value) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [_whole_numbers(value) for value in raw]
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < _EXACT:
        return int(raw)
    return raw


def escape(token: str) -> str:
    """One key, escaped for a JSON pointer."""
    return token.replace("~", "~0").replace("/", "~1")


def field_error(text: str) -> FieldError:
    """Convert msgspec's `... - at `$.a[0].b`` into a pointer.

    Where msgspec does not name the key of a map (`[...]`), the pointer names the map.
    """
    match = _PLACE.search(text)
    detail, pointer = text, "#"
    if match is not None:
        path = match.group(1).partition("[...]")[0]
        detail = text[: match.start()]
        pointer = "/".join(["#", *(field or index for field, index in _TOKEN.findall(path))])
    for regex, words in _WORDS.items():
        detail = detail.replace(regex, words)
    return FieldError(detail=detail, pointer=pointer)


def with_choices(error: FieldError, kind: Any) -> FieldError:
    """The error about a value of this type, with the values that there are where it may only be one of a few."""
    match = _CHOICE.fullmatch(error.detail)
    choices = [str(each) for each in _choices(kind)] if match else []
    if match is None or not choices:
        return error
    detail = _unknown(match[1], choices, "value")
    if not detail.endswith("?"):
        detail += f": there are {', '.join(each or '(empty)' for each in choices[:_MOST_CHOICES])}"
    return FieldError(detail=detail, pointer=error.pointer)


def _choices(kind: Any) -> Iterator[Any]:
    """The values that a type enumerates."""
    bare = _bare(kind)
    if typing.get_origin(bare) is typing.Literal:
        yield from typing.get_args(bare)
    elif isinstance(bare, type) and issubclass(bare, enum.Enum):
        yield from (each.value for each in bare)
    elif len(alternatives := _alternatives(bare)) > 1:
        for each in alternatives:
            yield from _choices(each)


def _complaints(raw: Any, known: Any, pointer: str, depth: int) -> Iterator[FieldError]:
    """The contents of `raw` that are not in `known`, the same document after decoding, and what no database would
    accept.
    """
    if depth == 0:
        yield FieldError(detail=f"nested deeper than {MAX_DEPTH} levels", pointer=pointer)
    elif isinstance(raw, dict) and isinstance(known, dict):
        for key, value in raw.items():
            named = str(key)[:_LONGEST_KEY]
            place = f"{pointer}/{escape(named)}" if named == str(key) else pointer
            if key not in known:
                yield FieldError(detail=_unknown(named, known), pointer=place)
            elif "\0" in str(key):
                yield FieldError(detail="a key may not hold the character NUL", pointer=place)
            else:
                yield from _complaints(value, known[key], place, depth - 1)
    elif isinstance(raw, list | tuple) and isinstance(known, list | tuple):
        for index, (left, right) in enumerate(zip(raw, known, strict=True)):
            yield from _complaints(left, right, f"{pointer}/{index}", depth - 1)
    elif isinstance(raw, int) and not -(2**63) <= raw < 2**63:
        yield FieldError(detail="a whole number must fit in 64 bits", pointer=pointer)
    elif isinstance(raw, float) and not math.isfinite(raw):
        yield FieldError(detail="a number must be finite", pointer=pointer)


def _unknown(name: str, known: Iterable[Any], what: str = "field") -> str:
    """The words for a field that does not exist, with the one that was perhaps meant."""
    near = difflib.get_close_matches(name, [each for each in known if isinstance(each, str)], 1, 0.6)
    return f"unknown {what} {name!r}" + (f": did you mean {near[0]}?" if near else "")


def _every_problem(raw: Any, kind: Any) -> list[FieldError]:
    """Everything that is unknown or invalid in data that cannot be converted, of which msgspec reports the first."""
    try:
        return list(itertools.islice(_problems(raw, kind, "#"), MOST_ERRORS))
    except RecursionError:
        return []


def _problems(raw: Any, kind: Any, pointer: str) -> Iterator[FieldError]:
    bare = _bare(kind)
    if isinstance(raw, dict) and (structs := [each for each in _alternatives(bare) if _is_struct(each)]):
        yield from _in_object(raw, structs, kind, pointer)
    elif isinstance(raw, list) and typing.get_origin(bare) is list:
        bounds = getattr(kind, "__metadata__", ())
        yield from _refused(raw, Annotated[(list[Any], *bounds)] if bounds else list[Any], pointer)
        (item,) = typing.get_args(bare)
        for index, value in enumerate(raw):
            yield from _problems(value, item, f"{pointer}/{index}")
    else:
        yield from _refused(raw, kind, pointer)


def _in_object(raw: dict[Any, Any], structs: list[Any], kind: Any, pointer: str) -> Iterator[FieldError]:
    tag_field = structs[0].__struct_config__.tag_field
    tags = {each.__struct_config__.tag: each for each in structs}
    tag = raw.get(tag_field) if tag_field else None
    if isinstance(tag, str) and tag not in tags:
        yield FieldError(detail=_unknown(tag[:_LONGEST_KEY], tags, tag_field), pointer=f"{pointer}/{tag_field}")
        return
    struct = structs[0] if not tag_field and len(structs) == 1 else tags[tag] if isinstance(tag, str) else None
    if struct is None:
        yield from _refused(raw, kind, pointer)
        return
    inside = list(itertools.islice(_in_struct(raw, struct, tag_field, pointer), MOST_ERRORS))
    yield from inside or _refused(raw, struct, pointer)
    if not inside and issubclass(struct, Intent):
        yield from intent_problems(msgspec.convert(raw, struct), pointer)


def _in_struct(raw: dict[Any, Any], struct: Any, tag_field: str | None, pointer: str) -> Iterator[FieldError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    for key, value in raw.items():
        named = str(key)[:_LONGEST_KEY]
        place = f"{pointer}/{escape(named)}" if named == str(key) else pointer
        if key in fields:
            yield from _problems(value, fields[key].type, place)
        elif key != tag_field:
            yield FieldError(detail=_unknown(named, fields), pointer=place)
    for name, field in fields.items():
        if field.required and name not in raw:
            yield FieldError(detail=f"Object missing required field `{name}`", pointer=pointer)


def _refused(raw: Any, kind: Any, pointer: str) -> Iterator[FieldError]:
    """What msgspec says of one value; a field that is missing in it or unknown is reported by its object."""
    try:
        _converted(raw, kind)
    except msgspec.ValidationError as error:
        complaint = field_error(str(error))
        if complaint.pointer == "#":
            complaint = with_choices(complaint, kind)
        yield FieldError(detail=complaint.detail, pointer=pointer + complaint.pointer.removeprefix("#"))


def _bare(kind: Any) -> Any:
    """A type without its bounds."""
    return typing.get_args(kind)[0] if typing.get_origin(kind) is Annotated else kind


def _alternatives(bare: Any) -> list[Any]:
    if typing.get_origin(bare) in (typing.Union, types.UnionType):
        return [_bare(each) for each in typing.get_args(bare)]
    return [bare]


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
