"""Untrusted text: nothing hidden is left, and what is escaped reads back the same."""

import json
import unicodedata

import yaml
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.telemetry import sanitizing

texts = st.text(st.characters(exclude_categories=[]), max_size=20) | st.text(
    st.sampled_from("a\n\t\x1b\x9b\u202e\u2066\u200b\ufeff\u2028\U000e0041\ud800\udfff"), max_size=8
)
INVISIBLE = ("Cc", "Cf", "Cs", "Zl", "Zp")
VISIBLE = set("\n\t\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd")
"""of these kinds, and yet with a shape of their own (marks around Arabic, Syriac and Kaithi numbers)"""


def unseen(text: str) -> list[str]:
    """Invisible characters."""
    return [one for one in text if unicodedata.category(one) in INVISIBLE and one not in VISIBLE]


def test_every_character_that_is_not_seen_is_known() -> None:
    """All of Unicode, by its own categories: controls, formats, halves of characters, separators of lines."""
    missed = unseen("".join(one for one in map(chr, range(0x110000)) if not sanitizing.HIDDEN.match(one)))
    ancient = [one for one in missed if 0x13430 <= ord(one) <= 0x1343F or 0x1BCA0 <= ord(one) <= 0x1BCA3]
    assert missed == ancient  # joiners of hieroglyphs and shorthand


@given(texts)
def test_what_is_seen_stays(text: str) -> None:
    """Everything else is left as it is, and twice is no more than once."""
    seen = sanitizing.escaped(text)
    assert unseen(seen) == [one for one in unseen(text) if not sanitizing.HIDDEN.match(one)]
    assert sanitizing.escaped(seen) == seen
    assert "".join(one for one in text if not sanitizing.HIDDEN.match(one)) == sanitizing.HIDDEN.sub("", text)
    assert len(sanitizing.line(text).splitlines()) <= 1


@given(texts.filter(lambda text: not any(unicodedata.category(one) == "Cs" for one in text)))
def test_json_means_the_same(text: str) -> None:
    """A document whose hidden characters are escaped is read as the one that it was."""
    document = json.dumps({text: text}, ensure_ascii=False)
    told = sanitizing.json(document)
    assert json.loads(told) == {text: text}
    assert not sanitizing.HIDDEN.search(told)


def test_half_a_character_is_escaped_as_itself() -> None:
    """Bytes of a file name that are no text arrive as lone surrogates, which nothing could write."""
    assert sanitizing.escaped("a\udc80") == "a\\udc80"
    assert sanitizing.json('"a\ud800"') == '"a\\ud800"'
    assert json.loads(sanitizing.json('"\U000e0041"')) == "\U000e0041"
    assert yaml.safe_load('"' + sanitizing.escaped("\U000e0041\u202e") + '"') == "\U000e0041\u202e"
