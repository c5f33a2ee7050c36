"""Label selectors: every part that kubectl takes, and nothing that is not one."""

import re

import pytest

from meshwright.core.store.resources import Requirement
from meshwright.schemas.base import whole
from meshwright.ui_api.reading import selectors


def part(key: str, operator: str, *values: str) -> Requirement:
    """One part of a selector."""
    assert operator in ("in", "notin")
    return Requirement(key=key, operator="in" if operator == "in" else "notin", values=list(values))


@pytest.mark.parametrize(
    ("selector", "parts"),
    [
        ("", []),
        ("app=reviews", [part("app", "in", "reviews")]),
        ("app == reviews", [part("app", "in", "reviews")]),
        ("app.kubernetes.io/name!=reviews", [part("app.kubernetes.io/name", "notin", "reviews")]),
        ("app=", [part("app", "in", "")]),
        ("canary", [part("canary", "in")]),
        ("!canary", [part("canary", "notin")]),
        ("version in (v1, v2)", [part("version", "in", "v1", "v2")]),
        ("a=b,version notin (v1,v2), c", [part("a", "in", "b"), part("version", "notin", "v1", "v2"), part("c", "in")]),
    ],
)
def test_a_selector_is_read_as_kubectl_reads_it(selector: str, parts: list[Requirement]) -> None:
    """Equality, sets and existence, divided by commas."""
    assert re.match(whole(selectors.PATTERN), selector)
    assert selectors.requirements(selector) == parts


@pytest.mark.parametrize("selector", ["a=b=c", "$where", "a in b", "a>1", ",", "a,,b", "=b", "a in (b", "a\n=b"])
def test_another_text_does_not_fit_the_published_pattern(selector: str) -> None:
    """It is refused with the place, before anything is asked."""
    assert not re.match(whole(selectors.PATTERN), selector)


@pytest.mark.parametrize(
    "piece", ["a=    ,", "!    a    ,", "a   in   (    ,    ,    ),", "a    ==    b    ,", "a/b    ,"]
)
def test_a_long_text_is_refused_as_fast_as_a_short_one(piece: str) -> None:
    """Blanks between many parts are read in one way only: a text that fails at its end does not hold the process."""
    selector = (piece * 100)[:499]
    assert not re.match(whole(selectors.PATTERN), selector + "$")
    assert not re.match(whole(selectors.PATTERN), "a in (" + ",    " * 90 + "$")
