"""Label selectors in kubectl's syntax: `app=reviews,version in (v1,v2),!canary`.

Invariant: a selector that matches the published pattern becomes requirements; others are refused before.
"""

import re

from meshwright.core.store.resources import Requirement

_KEY = r"(?:[A-Za-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
_VALUE = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
# No two neighbours can take the same blanks: else the time to refuse a text would grow with a power of its parts.
_LIST = rf"\( *(?:{_VALUE} *)?(?:, *(?:{_VALUE} *)?)*\)"
_PART = rf" *(?:{_KEY} *(?:=|==|!=) *(?:{_VALUE} *)?|{_KEY} +(?:in|notin) +{_LIST} *|(?:! *)?{_KEY} *)"
PATTERN = rf"^(?:{_PART}(?:,{_PART})*)?$"
_DIVIDER = re.compile(r",(?![^()]*\))")
_EQUALITY = re.compile(rf"({_KEY}) *(=|==|!=) *((?:{_VALUE})?)")
_SET = re.compile(rf"({_KEY}) +(in|notin) +\((.*)\)")
_EXISTENCE = re.compile(rf"(!?) *({_KEY})")


def requirements(selector: str) -> list[Requirement]:
    """The parts of a selector that matches PATTERN. Raises ValueError for another."""
    return [_requirement(part.strip()) for part in _DIVIDER.split(selector)] if selector.strip() else []


def _requirement(part: str) -> Requirement:
    if match := _EQUALITY.fullmatch(part):
        return Requirement(key=match[1], operator="notin" if match[2] == "!=" else "in", values=[match[3]])
    if match := _SET.fullmatch(part):
        values = [value.strip() for value in match[3].split(",")]
        return Requirement(key=match[1], operator="in" if match[2] == "in" else "notin", values=values)
    if match := _EXISTENCE.fullmatch(part):
        return Requirement(key=match[2], operator="notin" if match[1] else "in")
    raise ValueError(f"{part!r} is not a valid part of a label selector")
