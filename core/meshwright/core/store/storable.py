"""Makes any JSON value storable.

Problem: JSON knows numbers of any length and keys of any text, BSON does not; one such value in an operation's
result would stop its view. Invariant: `storable` returns the value itself when MongoDB can take it, else a copy
in which only the offending parts are changed to text that a person recognises; `as_stored` returns what was stored.
"""

from typing import Any, TypeVar

from bson import DBRef

T = TypeVar("T")
_LONGEST = 2**63


def storable(value: T) -> T:
    """The value, or a copy with numbers beyond 64 bits as text and without zero bytes in keys."""
    return value if _fits(value) else _mended(value)


def as_stored(value: Any) -> Any:
    """What was read, with references as the objects that they were stored as.

    The driver takes any object with `$ref` and `$id` for a reference of its own. Changes the value in place.
    """
    if isinstance(value, DBRef):
        value = dict(value.as_doc())
    if isinstance(value, dict):
        for key, part in value.items():
            if isinstance(part, (dict, list, DBRef)):
                value[key] = as_stored(part)
    elif isinstance(value, list):
        value[:] = [as_stored(part) for part in value]
    return value


def _fits(value: Any) -> bool:
    if isinstance(value, dict):
        return all("\0" not in key and _fits(part) for key, part in value.items())
    if isinstance(value, list):
        return all(map(_fits, value))
    return not isinstance(value, int) or -_LONGEST <= value < _LONGEST


def _mended(value: Any) -> Any:
    if isinstance(value, dict):
        return {key.replace("\0", "\ufffd"): _mended(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_mended(part) for part in value]
    return value if _fits(value) else str(value)
