"""Query strings: what is asked is what was meant, and everything else is refused with the name of the parameter."""

import datetime
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from meshwright.schemas.base import Model
from meshwright.ui_api.http import queries
from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.routes import ALL
from meshwright.ui_api.routes.events import EventQuery
from meshwright.ui_api.routes.reading.topology import MetricsQuery
from meshwright.ui_api.routes.webhooks import DeliveryPage

KINDS = sorted({route.query for route in ALL}, key=lambda kind: kind.__name__)
NAMES = sorted({name for kind in KINDS for name in kind.__struct_fields__})
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(10**40), 10**40).map(str)
moments = st.datetimes(timezones=st.timezones()).map(datetime.datetime.isoformat)
values = texts | numbers | moments | st.sampled_from(["null", "true", "0001-01-01T00:00:00+14:00", "1e999", "nan"])


def refused(query: str, kind: type[Model]) -> list[str]:
    """The pointers of a refusal."""
    with pytest.raises(Refusal) as caught:
        queries.decode(QueryParams(query), kind)
    assert caught.value.slug == "invalid-request"
    return [error.pointer for error in caught.value.errors]


@given(st.sampled_from(KINDS), st.lists(st.tuples(st.sampled_from(NAMES) | texts, values), max_size=4))
def test_any_query_is_understood_or_refused_by_name(kind: type[Model], given_pairs: list[tuple[str, str]]) -> None:
    """Whatever is asked of any route: a value that a database can be asked for, or each bad parameter by its name."""
    try:
        result = queries.decode(QueryParams(urlencode(given_pairs)), kind)
    except Refusal as error:
        assert error.slug == "invalid-request"
        assert error.errors
        escaped = {name.replace("~", "~0").replace("/", "~1") for name, _ in given_pairs}
        places = {one.pointer.removeprefix("#/query/") for one in error.errors}
        assert all(place in escaped or place.split("/")[0] in escaped for place in places), places
        return
    for name in result.__struct_fields__:
        value = getattr(result, name)
        assert not isinstance(value, int) or -(2**63) <= value < 2**63
        if isinstance(value, datetime.datetime):
            value.astimezone(datetime.UTC)


@pytest.mark.parametrize(
    ("kind", "query", "pointer"),
    [
        (DeliveryPage, "event=9223372036854775808", "#/query/event"),
        (DeliveryPage, f"min_seq={2**63}", "#/query/min_seq"),
        (EventQuery, f"last_event_id={10**30}", "#/query/last_event_id"),
        (EventQuery, "since=0001-01-01T00:00:00%2B10:00", "#/query/since"),
        (EventQuery, "until=9999-12-31T23:59:59-10:00", "#/query/until"),
        (EventQuery, "since=2026-01-01T00:00:00", "#/query/since"),
        (EventQuery, "since=0", "#/query/since"),
        (EventQuery, "until=1767225600", "#/query/until"),
        (MetricsQuery, "since=1.5e9", "#/query/since"),
        (MetricsQuery, "until=9999-12-31T23:59:59-00:01", "#/query/until"),
        (MetricsQuery, "limit=501", "#/query/limit"),
    ],
)
def test_what_no_database_takes_is_refused_by_name(kind: type[Model], query: str, pointer: str) -> None:
    """A number beyond 64 bits never reaches the store; nor does a time that is a number, or without a place in UTC."""
    assert refused(query, kind) == [pointer]


def test_every_wrong_parameter_is_named_at_once() -> None:
    """All invalid parameters are reported in one response: unknown ones, and those given twice."""
    assert refused("colour=red&page_size=1&page_size=2&a~%2Fb=1", EventQuery) == [
        "#/query/colour",
        "#/query/page_size",
        "#/query/a~0~1b",
    ]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=3), max_size=3))
def test_several_values_may_be_repeated_or_joined_by_commas(groups: list[list[str]]) -> None:
    """`type=a,b&type=c` means any of a, b and c; nothing between two commas means nothing."""
    query = urlencode([("type", ",".join(group)) for group in groups])
    wanted = [value for group in groups for value in group]
    assert queries.decode(QueryParams(query), EventQuery).type == wanted


def test_more_than_fifty_values_are_refused() -> None:
    """The bound of the document holds however the values are written."""
    assert refused(urlencode([("type", "a,b")] * 26), EventQuery) == ["#/query/type"]
