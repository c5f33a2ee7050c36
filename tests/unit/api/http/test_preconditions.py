"""Conditional requests as RFC 9110 defines them: no unseen version is overwritten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.ui_api.http import preconditions
from meshwright.ui_api.http.problems import Refusal


def refused(if_match: str, if_none_match: str, current: int | None) -> str:
    """The kind of refusal, empty when the write may go on."""
    try:
        preconditions.for_write(if_match, if_none_match, current)
    except Refusal as error:
        return error.slug
    return ""


@pytest.mark.parametrize(
    ("if_match", "if_none_match", "current", "slug"),
    [
        ("", "", None, ""),
        ("", "*", None, ""),
        ("", "*", 7, "stale"),
        ("", "", 7, "if-match-required"),
        ('"7"', "", 7, ""),
        ('W/"7"', "", 7, ""),
        ('"6", "7"', "", 7, ""),
        ("*", "", 7, ""),
        ('"6"', "", 7, "stale"),
        ('"7"', "", None, "stale"),
        ("*", "", None, "stale"),
        ("7", "", 7, ""),
        ('"77"', "", 7, "stale"),
        ('"*"', "", 7, "stale"),
        ('"7"', '"*"', 7, ""),
    ],
)
def test_a_write_needs_the_version_that_it_replaces(
    if_match: str, if_none_match: str, current: int | None, slug: str
) -> None:
    """Creating needs nothing to be there; replacing needs the current ETag, weak or strong, alone or among others."""
    assert refused(if_match, if_none_match, current) == slug


@given(current=st.integers(1, 10**9), named=st.integers(1, 10**9))
def test_only_the_current_version_passes(current: int, named: int) -> None:
    """Of all ETags exactly the current one lets a write through, and a refusal says which it is."""
    slug = refused(f'"{named}"', "", current)
    assert slug == ("" if named == current else "stale")
    if slug:
        with pytest.raises(Refusal) as caught:
            preconditions.for_write(f'"{named}"', "", current)
        assert caught.value.headers["ETag"] == f'"{current}"'


@given(st.text(max_size=40))
def test_any_header_can_be_read(header: str) -> None:
    """A header that is none never breaks a request."""
    assert all(isinstance(tag, str) for tag in preconditions.tags(header))


def test_a_reader_with_this_version_gets_no_body() -> None:
    """304 for the ETag that is current or for any, the document otherwise."""
    same = preconditions.not_modified('"7"', 7)
    assert same is not None
    assert (same.status_code, same.headers["etag"], same.body) == (304, '"7"', b"")
    assert preconditions.not_modified("*", 7) is not None
    assert preconditions.not_modified('"6"', 7) is None
    assert preconditions.not_modified("", 7) is None
