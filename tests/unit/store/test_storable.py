"""Any JSON value can be stored, and what fits is stored as it is."""

from typing import Any

import bson
from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.store.storable import storable

keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | keys,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=15,
)


@given(values)
def test_every_value_can_be_stored(value: Any) -> None:
    """Whatever JSON can say, MongoDB's format can hold what becomes of it."""
    stored = storable(value)
    assert bson.decode(bson.encode({"value": stored}))["value"] == stored


@given(values)
def test_what_fits_is_untouched(value: Any) -> None:
    """A value that fits is the same object; mending twice changes nothing more."""
    once = storable(value)
    assert storable(once) is once


def test_what_does_not_fit_stays_recognisable() -> None:
    """Only the offending parts change: a long number becomes its digits, a zero byte in a key a mark."""
    value = {"n": 2**70, "ok": 7, "list": [-(2**63), 2**63], "a\0b": True}
    assert storable(value) == {
        "n": "1180591620717411303424",
        "ok": 7,
        "list": [-(2**63), "9223372036854775808"],
        "a\ufffdb": True,
    }
