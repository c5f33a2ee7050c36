"""Durations, shares and whole intents as they are written elsewhere, in the form that intents have.

Invariant: a value is the one that was written, to the last digit, or None.
"""

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec

from meshwright.core.security import yaml_documents
from meshwright.schemas.base import DURATION_PATTERN, seconds
from meshwright.schemas.intents import LONGEST_REGEX, AnyIntent, HeaderMatch, intent_problems

_OURS = re.compile(DURATION_PATTERN.strip("^$"))
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|m|s|ms|us|µs|ns)")
_MILLISECONDS = {
    "h": Decimal(3_600_000), "m": Decimal(60_000), "s": Decimal(1000), "ms": Decimal(1), "us": Decimal("0.001"),
    "µs": Decimal("0.001"), "ns": Decimal("0.000001"),
}  # fmt: skip


def duration(text: str) -> str | None:
    """A duration as Go writes it (`1m30s`); None for nothing at all, and for what intents cannot count."""
    if _OURS.fullmatch(text):
        return text if seconds(text) > 0 else None
    if not text or not re.fullmatch(f"(?:{_PART.pattern})+", text):
        return None
    total = sum((Decimal(count) * _MILLISECONDS[unit] for count, unit in _PART.findall(text)), Decimal(0))
    if total != int(total) or total <= 0:
        return None
    result = f"{int(total) // 1000}s" if int(total) % 1000 == 0 else f"{int(total)}ms"
    return result if _OURS.fullmatch(result) else None


def document(text: str) -> Any:
    """The YAML in a text; None where it is none, or exceeds what a document may have."""
    try:
        return yaml_documents.load(text.encode())
    except yaml_documents.InvalidYaml:
        return None


def percentages(weights: Sequence[int]) -> list[int] | None:
    """Weights as whole percents; None when they are no such shares."""
    total = sum(weights)
    if total <= 0 or min(weights) < 0 or any(each * 100 % total for each in weights):
        return None
    return [each * 100 // total for each in weights]


def usable(header: HeaderMatch) -> bool:
    """Whether an intent can have this condition."""
    try:
        msgspec.convert(msgspec.to_builtins(header), HeaderMatch)
    except msgspec.ValidationError:
        return False
    return len(header.regex or "") <= LONGEST_REGEX


def problem(intent: AnyIntent) -> str:
    """What is wrong with an intent by itself; empty: nothing."""
    try:
        msgspec.convert(msgspec.to_builtins(intent), AnyIntent)
    except msgspec.ValidationError as error:
        return str(error)
    wrong = intent_problems(intent, "#")
    return wrong[0].detail if wrong else ""
