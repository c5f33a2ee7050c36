"""Translators that give resources, and raise what their mesh has no words for.

Problem: every translator has to refuse wrong intents, to turn what cannot be expressed into a refusal, and to say what
a person should know of the rest. Invariant: what is refused has a reason, and never becomes something that is nearly
meant; what several intents of a design say of one thing becomes one resource, so each of their translations is that
whole resource.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Generic, TypeVar

from meshwright.core.kit.adapter import Adapter
from meshwright.core.kit.lifecycle.translating import Answer
from meshwright.core.kit.target import Facts
from meshwright.schemas.base import seconds
from meshwright.schemas.intents import (
    AnyIntent,
    HeaderRoute,
    Intent,
    Mirror,
    Resource,
    TrafficSplit,
    Translation,
    Unsupported,
    intent_kind,
    intent_problems,
)

F = TypeVar("F", bound=Facts)
T = TypeVar("T", bound=Intent)
_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


class CannotExpress(Exception):
    """What an intent asks for and a mesh has no words for; becomes `Unsupported`."""

    def __init__(self, because: str, instead: str = "") -> None:
        super().__init__(because)
        self.because = because
        self.instead = instead


class Expressing(Generic[F]):
    """Registers translators of one adapter that give resources and raise `CannotExpress`.

    `check` raises it for what no translator has to look at; `notes` says what a person should know of a translation.
    """

    def __init__(
        self,
        adapter: Adapter,
        *,
        notes: Callable[[Intent, F, list[Resource]], list[str]],
        check: Callable[[Intent, F], None] | None = None,
    ) -> None:
        self._adapter = adapter
        self._notes = notes
        self._check = check

    def __call__(
        self, kind: type[T], since: str = "", *, until: str = ""
    ) -> Callable[[Callable[[T, F], list[Resource]]], Callable[[Any, Any], Answer]]:
        """Register the translator of a kind of intent, for meshes of version `since` or newer, older than `until`."""

        def register(translator: Callable[[T, F], list[Resource]]) -> Callable[[Any, Any], Answer]:
            def translated(intent: T, facts: F) -> Answer:
                try:
                    if wrong := intent_problems(intent, "#"):
                        raise CannotExpress(wrong[0].detail)
                    if self._check:
                        self._check(intent, facts)
                    resources = translator(intent, facts)
                except CannotExpress as refused:
                    return Unsupported(intent=intent_kind(intent), because=refused.because, instead=refused.instead)
                notes = self._notes(intent, facts, resources)
                return Translation(intent=intent_kind(intent), resources=resources, notes=notes)

            return self._adapter.intent(kind, since=since, until=until)(translated)

        return register


def milliseconds(text: str, mesh: str) -> int:
    """A duration for a mesh that counts in whole milliseconds; `mesh` is for people. Raises CannotExpress."""
    seconds(text)  # refuses what is no duration
    unit = text.lstrip("0123456789.")
    count = Decimal(text[: -len(unit)]) * _UNITS[unit]
    if count < 1 or count != int(count):
        raise CannotExpress(f"{mesh} counts times in whole milliseconds, and {text} is none", "round it")
    return int(count)


def versions(intents: Sequence[AnyIntent]) -> list[str]:
    """The versions of services that intents name."""
    named: list[str] = []
    for each in intents:
        if isinstance(each, TrafficSplit):
            named += [backend.version for backend in each.backends]
        elif isinstance(each, HeaderRoute | Mirror):
            named.append(each.version)
    return sorted(set(named))


def subset_names(service: object, wanted: Sequence[str]) -> dict[str, str]:
    """Names of versions for meshes whose subsets have small letters, digits and hyphens. Raises CannotExpress."""
    names = {each: each.lower().replace(".", "-").replace("_", "-") for each in wanted}
    if len(set(names.values())) < len(names):
        raise CannotExpress(
            f"two versions of {service} differ only in dots and capitals, which names of subsets have not",
            "give the versions other names",
        )
    return names
