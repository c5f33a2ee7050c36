"""The fields in which a resource differs from what a release wants."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.kit.lifecycle import differing

ROUTES: dict[str, Any] = {
    "kind": "RouteConfiguration",
    "virtual_hosts": [
        {"name": "cart", "domains": ["cart"], "timeout": "1s"},
        {"name": "reviews", "domains": ["reviews"], "retry": {"attempts": 2}},
    ],
}
_KEYS = st.sampled_from(["name", "a", "b", "a/b"])
_BODIES = st.dictionaries(
    _KEYS,
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
        max_leaves=12,
    ),
    max_size=4,
)


def named(wanted: dict[str, Any], there: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """What is told, as path, wanted and there."""
    return [(each.path, each.wanted, each.there) for each in differing.fields(wanted=wanted, there=there)[0]]


def test_each_field_is_named_where_it_differs() -> None:
    """A changed, a removed and an added one, with their values and no more of what is around them."""
    there = copy.deepcopy(ROUTES)
    del there["virtual_hosts"][0]["timeout"]
    there["virtual_hosts"][1]["retry"] = {"attempts": 7, "budget": 3}
    assert named(ROUTES, there) == [
        ("/virtual_hosts/0/timeout", "1s", None),
        ("/virtual_hosts/1/retry/attempts", 2, 7),
        ("/virtual_hosts/1/retry/budget", None, 3),
    ]


def test_items_with_names_are_compared_by_their_names() -> None:
    """One that is gone is told alone, and those behind it are not."""
    there = {**ROUTES, "virtual_hosts": ROUTES["virtual_hosts"][1:]}
    assert named(ROUTES, there) == [("/virtual_hosts/0", ROUTES["virtual_hosts"][0], None)]


def test_items_in_another_order_are_told_as_the_whole_list() -> None:
    """Their order counts in a mesh, and is no change of an item."""
    there = {**ROUTES, "virtual_hosts": ROUTES["virtual_hosts"][::-1]}
    assert [path for path, _, _ in named(ROUTES, there)] == ["/virtual_hosts"]


def test_no_secret_is_told_but_that_it_differs() -> None:
    """In a Secret, under a secret's name, in an environment, and in a URL."""
    wanted = {
        "apiVersion": "v1",
        "kind": "Secret",
        "data": {"key": "b25l"},
        "spec": {"password": "one", "env": [{"name": "API_TOKEN", "value": "one"}], "url": "http://me:one@host/"},
    }
    there = {
        "apiVersion": "v1",
        "kind": "Secret",
        "data": {"key": "dHdv"},
        "spec": {"password": "two", "env": [{"name": "API_TOKEN", "value": "two"}], "url": "http://me:two@host/"},
    }
    told = named(wanted, there)
    assert [path for path, _, _ in told] == ["/data/key", "/spec/password", "/spec/env/0/value", "/spec/url"]
    assert {value for _, *pair in told for value in pair} == {"(redacted)"}
    assert wanted["data"] == {"key": "b25l"}


def test_what_is_told_is_bounded() -> None:
    """Twenty fields are named and the rest counted; a long value is cut."""
    wanted, there = {"long": "x" * 5000}, {"long": "y" * 5000, **{f"f{number}": number for number in range(30)}}
    told, more = differing.fields(wanted=wanted, there=there)
    assert (len(told), more) == (differing.MOST_FIELDS, 31 - differing.MOST_FIELDS)
    assert len(str(told[0].there)) <= differing.LONGEST + 1


@given(_BODIES, _BODIES)
def test_something_is_named_exactly_when_two_bodies_differ(wanted: dict[str, Any], there: dict[str, Any]) -> None:
    """Whatever they are."""
    assert bool(differing.fields(wanted=wanted, there=there)[0]) == (wanted != there)
