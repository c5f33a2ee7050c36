"""The documents at hand: what was used last stays, and nothing is forgotten within a batch."""

import datetime

from hypothesis import given
from hypothesis import strategies as st

from meshwright.core.store import kinds
from meshwright.core.store.writing import Folded
from meshwright.workers.projector.cache import Cache

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
keys = st.integers(0, 12).map(str)


def folded(key: str, seq: int = 1) -> Folded:
    """A document that was deleted: its content does not matter here."""
    return Folded(kinds.OPERATIONS, key, "default", seq, NOW, None)


def place(key: str) -> tuple[str, str]:
    """Where a document lies."""
    return kinds.OPERATIONS.name, key


@given(st.lists(keys, max_size=60), st.integers(1, 8))
def test_the_last_used_stay(used: list[str], capacity: int) -> None:
    """After trimming exactly the most recently folded documents are left, as many as fit, as they were last folded."""
    cache = Cache(capacity)
    for seq, key in enumerate(used):
        cache.put(folded(key, seq))
    cache.trim()
    newest = list(dict.fromkeys(reversed(used)))[:capacity]
    for key in {str(number) for number in range(13)}:
        answer = cache.get(place(key))
        assert (answer is not None) == (key in newest)
        if answer is not None:
            assert answer.seq == max(seq for seq, other in enumerate(used) if other == key)


def test_nothing_is_forgotten_before_it_is_told_to() -> None:
    """A batch larger than the capacity is all at hand until it has been folded."""
    cache = Cache(2)
    cache.fill(folded(str(number)) for number in range(10))
    assert all(place(str(number)) in cache for number in range(10))
    cache.trim()
    assert sum(place(str(number)) in cache for number in range(10)) == 2
