"""Makes any JSON value storable in BSON.

Problem: JSON allows numbers of any size and keys of any text, BSON does not; one such value in an operation's result
would block its view. Invariant: `storable` returns the value itself when MongoDB accepts it, else a copy in which only
the offending parts are changed to readable text.
"""

from typing import Any, TypeVar

T = TypeVar("T")
_LONGEST = 2**63


def storable(value: T) -> T:
    """The value, or a copy with numbers beyond 64 bits as text and keys without zero bytes."""
    return value if _fits(value) else _replaced(value)


def _fits(value: Any) -> bool:
    if isinstance(value, dict):
        return all("\0" not in key and _fits(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_fits, value))
    return not isinstance(value, int) or -_LONGEST <= value < _LONGEST


def _replaced(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.replace("\0", "\ufffd"): _replaced(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part) for part in value]
    return value if _fits(value) else str(value)
