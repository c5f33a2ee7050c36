"""Queries that a person forged: refused in our own words, or something that the database can be asked."""

import base64
import datetime
from typing import Any

import bson
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from meshwright.core.store import kinds, paging
from meshwright.core.store.errors import InvalidCursor, UnknownField

moments = st.datetimes(timezones=st.timezones() | st.just(datetime.UTC)).map(datetime.datetime.isoformat)
numbers = st.integers() | st.sampled_from([2**63, -(2**63), 2**63 - 1, 2**64, 10**40])
values = st.none() | st.booleans() | numbers | st.text(max_size=10) | moments


def forged(order: Any, value: Any, id: Any, is_time: Any) -> str:
    """A cursor that no page gave out."""
    content = msgspec.json.encode([order, value, id, is_time])
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@given(values, numbers | st.text(max_size=10), st.booleans(), st.booleans())
@example("0001-01-01T00:00:00+14:00", "a", True, False)
@example("9999-12-31T23:59:59-14:00", "a", True, True)
@example("2026-01-01", "a", True, True)
@example(10**30, "a", False, False)
@example(1, 2**70, False, True)
def test_a_forged_cursor_is_refused_or_harmless(value: Any, id: Any, is_time: bool, descending: bool) -> None:
    """Whatever stands in it, MongoDB can be asked what comes of it; nothing else is raised than the refusal."""
    try:
        condition = paging.after(forged("accepted_at", value, id, is_time), "accepted_at", descending)
    except InvalidCursor:
        return
    assert bson.encode(condition)


@given(st.lists(values | st.lists(values, max_size=2) | st.floats(), max_size=5), values)
def test_a_cursor_of_another_shape_is_refused(content: list[Any], order: Any) -> None:
    """A list of other things, or of another length, is no cursor."""
    text = base64.urlsafe_b64encode(msgspec.json.encode([order, *content])).decode()
    try:
        assert bson.encode(paging.after(text, "state", False))
    except InvalidCursor as error:
        assert "cursor" in str(error)


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**30])
def test_a_number_that_no_document_can_hold_is_refused(number: int) -> None:
    """It is told as a wrong filter, alone or among others, instead of failing in the driver."""
    wheres: list[dict[str, paging.Plain | list[paging.Plain]]] = [{"revision": number}, {"revision": [1, number]}]
    for where in wheres:
        with pytest.raises(UnknownField, match="64 bits"):
            paging.conditions(kinds.RELEASES, where)
    assert paging.conditions(kinds.RELEASES, {"revision": 2**63 - 1}) == {"revision": 2**63 - 1}


@given(st.dictionaries(st.sampled_from(kinds.OPERATIONS.filters), st.text() | st.booleans() | st.integers(-5, 5)))
def test_every_declared_filter_becomes_an_equality(where: dict[str, Any]) -> None:
    """As many conditions as were asked for, each on its own field, with the value as it was given."""
    query = paging.conditions(kinds.OPERATIONS, where)
    assert query == where
    assert list(query) == list(where)


@given(
    st.lists(
        st.tuples(st.none() | st.integers(0, 3), st.text("abc", min_size=1, max_size=2)), unique_by=lambda row: row[1]
    ),
    st.booleans(),
    st.integers(1, 4),
)
def test_pages_in_memory_hold_everything_once(rows: list[tuple[int | None, str]], descending: bool, size: int) -> None:
    """Held against a plain sort: page by page, each row comes once and in order, ties and missing values included."""
    documents: list[dict[str, Any]] = [{"_id": name, "n": value} for value, name in rows]
    ordered = sorted(documents, key=lambda row: (row["n"] is not None, row["n"] or 0, row["_id"]), reverse=descending)
    seen: list[dict[str, Any]] = []
    left = ordered
    while left:
        page = left[:size]
        seen += page
        condition = paging.after(paging.cursor(page[-1], "n"), "n", descending)
        left = [row for row in ordered if holds(condition, row)]
    assert seen == ordered


def holds(condition: dict[str, Any], row: dict[str, Any]) -> bool:
    """Whether a document meets a condition, as MongoDB compares: only values of one kind are less or greater."""
    for field, wanted in condition.items():
        if field == "$or":
            if not any(holds(one, row) for one in wanted):
                return False
        elif isinstance(wanted, dict):
            ((word, bound),) = wanted.items()
            result = row[field]
            if word == "$ne":
                fits = result != bound
            else:
                comparable = result is not None and bound is not None
                fits = comparable and (result > bound if word == "$gt" else result < bound)
            if not fits:
                return False
        elif row[field] != wanted:
            return False
    return True
