"""Config entries as Consul gives them back, without what it adds by itself.

Problem: Consul fills in indices and precedences, sorts, rewrites durations and leaves out what is zero, so what was
written never equals what is read. Invariant: two entries that mean the same to Consul have the same normal form, and
writing a normal form writes what it was made of.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

Body = dict[str, Any]
_ADDED = frozenset(
    {
        *("CreateIndex", "ModifyIndex", "Hash", "Partition", "Namespace", "Precedence"),
        *("LegacyID", "LegacyMeta", "LegacyCreateTime", "LegacyUpdateTime"),
    }
)
_VERBATIM = frozenset({"Config", "Meta", "LegacyMeta"})
_BY_NAME = frozenset({"Subsets", "Failover"})
"""maps whose keys people choose, so that an empty value says something"""
_POINTERS = frozenset(
    {
        *("MaxConnections", "MaxPendingRequests", "MaxConcurrentRequests", "EnforcingConsecutive5xx"),
        *("MaxEjectionPercent", "BaseEjectionTime", "Weight"),
    }
)
"""of which zero is not the same as nothing"""
_DURATIONS = frozenset({"RequestTimeout", "IdleTimeout", "ConnectTimeout", "Interval", "BaseEjectionTime"})
_PART = re.compile(r"([0-9.]+)(ns|us|µs|ms|s|m|h)")
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}


def normal(kind: str, name: str, body: Mapping[str, Any]) -> Body:
    """The normal form of an entry."""
    inner = _mapping({key: value for key, value in body.items() if key not in ("Kind", "Name")})
    if kind == "service-intentions" and isinstance(inner.get("Sources"), list):
        inner["Sources"] = sorted((_source(each) for each in inner["Sources"]), key=_place)
    return {"Kind": kind, "Name": name, **inner}


def duration(nanoseconds: int) -> str:
    """A duration as Go writes it."""
    if nanoseconds < 10**9:
        for unit in ("ms", "µs"):
            if nanoseconds >= _UNITS[unit]:
                return f"{_plain(Decimal(nanoseconds) / _UNITS[unit])}{unit}"
        return f"{nanoseconds}ns" if nanoseconds else "0s"
    minutes, rest = divmod(nanoseconds, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    text = f"{_plain(Decimal(rest) / _UNITS['s'])}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def nanoseconds(text: str) -> int | None:
    """The length of a duration that Go has written; None when it is none."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return int(sum(Decimal(number) * _UNITS[unit] for number, unit in parts))


def _mapping(value: Mapping[str, Any]) -> Body:
    result = {}
    for key, each in value.items():
        if key in _ADDED:
            continue
        kept = _value(key, each)
        if not _is_nothing(kept) or (key in _POINTERS and kept is not None):
            result[key] = kept
    return result


def _value(key: str, value: Any) -> Any:
    if key in _DURATIONS:
        return _duration(value)
    if key in _VERBATIM:
        return value
    if key in _BY_NAME and isinstance(value, Mapping):
        return {name: _mapping(each) if isinstance(each, Mapping) else each for name, each in value.items()}
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list):
        return [_mapping(each) if isinstance(each, Mapping) else each for each in value]
    return value


def _duration(value: Any) -> Any:
    length = nanoseconds(value) if isinstance(value, str) else value
    if not isinstance(length, int) or isinstance(length, bool):
        return value
    return duration(length) if length else None


def _is_nothing(value: Any) -> bool:
    return value is None or value is False or (not isinstance(value, bool) and value in (0, "", [], {}))


def _source(source: Any) -> Any:
    if isinstance(source, dict) and source.get("Type") == "consul":
        return {key: value for key, value in source.items() if key != "Type"}
    return source


def _place(source: Any) -> tuple[str, str]:
    return (str(source.get("Peer", "")), str(source.get("Name", ""))) if isinstance(source, dict) else ("", "")


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
