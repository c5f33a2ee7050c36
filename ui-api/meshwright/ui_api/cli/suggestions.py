"""Suggestions for a word that is not known.

Invariant: a suggestion is one of the known words; where none is near, all are named, or as many as a line holds.
"""

import difflib
from collections.abc import Iterable

_MOST = 12


def near(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The known words that are near, the nearest first."""
    words = list(dict.fromkeys(known))
    lower = word.lower().replace("_", "-")
    first = [each for each in words if each.lower().replace("_", "-") in (lower, f"{lower}s", lower.removesuffix("s"))]
    starting = [
        each for each in words if lower and (each.startswith(lower) or lower.startswith(each)) and len(each) > 2
    ]
    return list(dict.fromkeys([*first, *starting, *difflib.get_close_matches(word, words, most, 0.6)]))[:most]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A sentence for a remedy; empty when nothing is near and nothing is known."""
    words = list(dict.fromkeys(known))
    if nearest := near(word, words):
        *others, last = nearest
        return f"Did you mean {', '.join(others)}{' or ' if others else ''}{last}?"
    if not words:
        return ""
    more = f", and {len(words) - _MOST} more" if len(words) > _MOST else ""
    return f"There are: {', '.join(words[:_MOST])}{more}."
