"""How Consul writes durations, headers and names of subsets, and what it cannot write.

Invariant: a value is the one that was asked for, to the last digit, or `CannotExpress` is raised with the reason.
"""

from decimal import Decimal
from typing import Any

from meshwright.adapters.consul.control_plane.entries import ref_of
from meshwright.adapters.consul.control_plane.normal import duration as written
from meshwright.core.kit.lifecycle.expressing import CannotExpress
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import HeaderMatch, Resource

Json = dict[str, Any]
_UNITS = {"ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_LARGEST = 2**31 - 1


def resource(kind: str, name: str, fields: Json) -> Resource:
    """A config entry."""
    return Resource(ref=ref_of(kind, name), body={"Kind": kind, "Name": name, **fields})


def duration(text: str) -> str:
    """A duration as Go writes it."""
    seconds(text)  # refuses what is no duration
    unit = text.lstrip("0123456789.")
    return written(int(Decimal(text[: -len(unit)]) * _UNITS[unit]))


def limit(value: int, what: str) -> int:
    """A number of connections or requests."""
    if not 1 <= value <= _LARGEST:
        raise CannotExpress(f"Consul takes {what} from 1 to {_LARGEST}, and not {value}")
    return value


def header(match: HeaderMatch) -> Json:
    """One condition of a route or a permission."""
    if match.exact is not None:
        if not match.exact:
            raise CannotExpress("Consul does not compare a header with the empty text", "match it by a regex")
        return {"Name": match.name, "Exact": match.exact}
    if match.prefix is not None:
        return {"Name": match.name, "Prefix": match.prefix} if match.prefix else {"Name": match.name, "Present": True}
    if not match.regex:
        raise CannotExpress("Consul takes no empty regular expression")
    return {"Name": match.name, "Regex": match.regex}
