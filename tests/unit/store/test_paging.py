"""Queries from requests hold nothing that a request wrote but plain values."""

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.store import kinds, paging
from meshwright.core.store.errors import InvalidCursor, UnknownField

scalars = st.text(max_size=20) | st.integers(-(2**53), 2**53) | st.booleans() | st.none()


@given(st.text(max_size=20))
def test_only_declared_fields_filter_and_sort(name: str) -> None:
    """A field of the request's own is refused, with the choice; operators are no fields."""
    if name not in kinds.OPERATIONS.filters:
        with pytest.raises(UnknownField, match="choose from"):
            paging.conditions(kinds.OPERATIONS, {name: "x"})
    if name and name not in kinds.OPERATIONS.sorts:
        with pytest.raises(UnknownField, match="choose from"):
            paging.order(kinds.OPERATIONS, name)


@pytest.mark.parametrize("value", [{"$ne": ""}, None, 1.5, ["a", {"$gt": ""}], [["a"]]])
def test_values_are_plain(value: Any) -> None:
    """Documents, lists in lists and other shapes never reach a query."""
    with pytest.raises(UnknownField):
        paging.conditions(kinds.OPERATIONS, {"state": value})


def test_a_list_means_any_of_it() -> None:
    """One value is compared, several are alternatives."""
    assert paging.conditions(kinds.OPERATIONS, {"state": "failed"}) == {"state": "failed"}
    assert paging.conditions(kinds.OPERATIONS, {"state": ["failed", "cancelled"]}) == {
        "state": {"$in": ["failed", "cancelled"]}
    }


@given(value=scalars, id=st.text(max_size=30) | st.integers(0, 2**40), descending=st.booleans())
def test_a_cursor_names_its_place(value: Any, id: Any, descending: bool) -> None:
    """What a cursor was made of is what the next page begins behind."""
    text = paging.cursor({"_id": id, "state": value}, "state")
    condition = paging.after(text, "state", descending)
    same = {"state": value, "_id": {"$lt" if descending else "$gt": id}}
    assert condition == same or same in condition["$or"]


@given(st.datetimes(timezones=st.just(datetime.UTC)))
def test_a_cursor_over_times_keeps_them(moment: datetime.datetime) -> None:
    """Times come back as times, to the microsecond."""
    text = paging.cursor({"_id": "a", "accepted_at": moment}, "accepted_at")
    assert paging.after(text, "accepted_at", False)["$or"][0]["accepted_at"] == moment


@given(st.text(max_size=60))
def test_a_damaged_cursor_is_refused(text: str) -> None:
    """Any other text is a refusal, and so is a cursor of another order."""
    with pytest.raises(InvalidCursor):
        paging.after(text, "no such order", False)


def test_a_cursor_of_another_order_is_refused() -> None:
    """A page sorted differently has other places."""
    text = paging.cursor({"_id": "a", "id": "a"}, "id")
    with pytest.raises(InvalidCursor, match="sorted by id"):
        paging.after(text, "accepted_at", False)


def test_spans_are_half_open() -> None:
    """Since is inclusive and until exclusive; what is not asked for does not filter."""
    query: dict[str, Any] = {}
    paging.within(query, "time", None, None)
    paging.between(query, 0, 0)
    assert query == {}
    moment = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    paging.within(query, "time", moment, None)
    paging.between(query, 5, 9)
    assert query == {"time": {"$gte": moment}, "_id": {"$gt": 5, "$lt": 9}}
