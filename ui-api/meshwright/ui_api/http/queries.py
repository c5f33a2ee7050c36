"""Query parameters as Structs: the same declaration decodes them and documents them.

Invariant: an unknown parameter is refused, because a misspelt filter that is silently skipped would answer another
question than the one asked.
"""

import datetime
import functools
import typing
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta
from starlette.datastructures import QueryParams

from meshwright.schemas import strict
from meshwright.schemas.base import Model, whole
from meshwright.schemas.errors import FieldError
from meshwright.ui_api.http.problems import Refusal

Q = TypeVar("Q", bound=Model)

PAGE_SIZE = 50
LARGEST_PAGE = 500
_FLAGS = ("true", "false")


class NoQuery(Model, frozen=True, kw_only=True):
    """A route without parameters."""


class Read(Model, frozen=True, kw_only=True):
    """A read that may require at least what the caller has already written or seen."""

    min_seq: Annotated[
        int, Meta(ge=0, description="Wait (at most 2 s) until the view has reached this `Meshwright-Seq`.")
    ] = 0
    min_event: Annotated[
        int, Meta(ge=0, description="Wait (at most 2 s) until the view has reached this event's id.")
    ] = 0


class Page(Read, frozen=True, kw_only=True):
    """A list, page by page."""

    page_size: Annotated[int, Meta(ge=1, description="At most 500; more is cut to 500.")] = PAGE_SIZE
    page_token: Annotated[str, Meta(description="`next_page_token` of the page before.")] = ""


class Search(Page, frozen=True, kw_only=True):
    """A list in which texts are searched, and that may say how long it is."""

    q: Annotated[
        str,
        Meta(
            max_length=200,
            pattern=whole("^[^\\x00]*$"),
            description="Words, each of which is a part of a name or other short text, ignoring case.",
        ),
    ] = ""
    total: Annotated[bool, Meta(description="Also count what matches, up to 100,000, as `total`.")] = False


class Write(Model, frozen=True, kw_only=True):
    """A write that may be validated without effect, with a reason for the history."""

    validate_only: Annotated[bool, Meta(description="Check everything and change nothing.")] = False
    reason: Annotated[str, Meta(max_length=2000, description="Why, for the history.")] = ""


def decode(parameters: QueryParams, kind: type[Q]) -> Q:
    """The parameters as their Struct.

    Raises Refusal `invalid-request` naming each invalid parameter.
    """
    fields = _fields(kind)
    raw: dict[str, Any] = {}
    errors = []
    for name in parameters:
        values = parameters.getlist(name)
        if name not in fields:
            errors.append(FieldError(detail=f"unknown parameter {name!r}", pointer=_place(name)))
        elif isinstance(fields[name].default_factory, type) and fields[name].default_factory is list:
            raw[name] = [part for value in values for part in value.split(",") if part]
        elif len(values) > 1:
            errors.append(FieldError(detail="given more than once", pointer=_place(name)))
        elif _is_flag(fields[name].type) and values[0] not in _FLAGS:
            errors.append(FieldError(detail="expected true or false", pointer=_place(name)))
        else:
            raw[name] = values[0]
    if errors:
        raise Refusal("invalid-request", "the query string is not valid", errors=errors)
    try:
        query = msgspec.convert(raw, kind, strict=False)
    except msgspec.ValidationError as error:
        complaint = strict.field_error(str(error))
        pointer = "#/query/" + complaint.pointer.removeprefix("#").strip("/")
        name = next((each for each in fields if pointer == _place(each)), "")
        wrong = FieldError(detail=complaint.detail, pointer=pointer)
        wrong = strict.with_choices(wrong, fields[name].type) if name else wrong
        raise Refusal("invalid-request", "the query string is not valid", errors=[wrong]) from error
    errors = [
        FieldError(detail=detail, pointer=_place(name))
        for name in raw
        if (detail := _beyond(raw[name], getattr(query, name)))
    ]
    if errors:
        raise Refusal("invalid-request", "the query string is not valid", errors=errors)
    return query


def _beyond(raw: object, value: object) -> str:
    """Why a value is not allowed for any parameter, or would be refused by the database; empty when it is allowed."""
    if value is None:
        return "null is not allowed in a parameter: omit it"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "a whole number must fit in 64 bits"
    if isinstance(value, datetime.datetime):
        try:
            # the lax decoder takes a number for seconds since 1970; a time is written as in RFC 3339
            msgspec.convert(raw, datetime.datetime)
            value.astimezone(datetime.UTC)
        except msgspec.ValidationError:
            return "expected a time as in RFC 3339, such as 2026-01-31T12:00:00Z"
        except OverflowError:
            return "in UTC a time must lie between the years 1 and 9999"
    return ""


def _is_flag(kind: Any) -> bool:
    return kind is bool or bool in typing.get_args(kind)


@functools.cache
def _fields(kind: type[Model]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _place(name: str) -> str:
    return f"#/query/{strict.escape(name)}"
