"""Page tokens: they lead on in their own list and nowhere else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.ui_api.http.problems import Refusal
from meshwright.ui_api.reading.paging import Tokens

TOKENS = Tokens(b"a key")
texts = st.text(max_size=60)


@given(cursor=texts, scope=texts)
def test_a_token_gives_its_cursor_back(cursor: str, scope: str) -> None:
    """What was signed for a list is read for that list, also by another process with the same key."""
    token = TOKENS.sign(cursor, scope)
    assert Tokens(b"a key").read(token, scope) == cursor
    assert bool(token) == bool(cursor)


@given(cursor=st.text(min_size=1, max_size=60), scope=texts, other=texts)
def test_a_token_is_of_no_use_elsewhere(cursor: str, scope: str, other: str) -> None:
    """With other filters, another order or another workspace it is refused."""
    token = TOKENS.sign(cursor, scope)
    if other != scope:
        with pytest.raises(Refusal):
            TOKENS.read(token, other)
    with pytest.raises(Refusal):
        Tokens(b"another key").read(token, scope)


@given(cursor=st.text(min_size=1, max_size=60), place=st.integers(0, 200), letter=st.sampled_from("AbC9-_"))
def test_an_altered_token_is_refused(cursor: str, place: int, letter: str) -> None:
    """One changed character is noticed."""
    token = TOKENS.sign(cursor, "a list")
    place %= len(token) - 1  # the last character may hold bits that nobody reads
    altered = token[:place] + letter + token[place + 1 :]
    if altered != token:
        with pytest.raises(Refusal) as caught:
            TOKENS.read(altered, "a list")
        assert caught.value.errors[0].pointer == "#/query/page_token"


@given(st.text(min_size=1, max_size=80))
def test_what_was_never_signed_is_refused(token: str) -> None:
    """Any text that is no token is a refusal, never an error."""
    with pytest.raises(Refusal):
        TOKENS.read(token, "a list")


def test_a_token_hides_what_it_says() -> None:
    """A client cannot depend on the contents of a cursor."""
    assert "2026" not in TOKENS.sign("2026-01-01/op", "a list")
