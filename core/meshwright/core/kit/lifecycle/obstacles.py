"""Everything that stands against a design, each with the place where it was asked for.

Invariant: all of it is told at once, and nothing twice; two intents of one design that cannot hold together are told
by the later one, with the earlier one's place.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from meshwright.core.kit.lifecycle.contradictions import contradict
from meshwright.schemas.errors import FieldError
from meshwright.schemas.intents import AnyIntent, TrafficSplit, intent_kind

Told: TypeAlias = Iterable[tuple[str, str]]
"""what stands against an intent, each with the field of it that is concerned; no field: all of it"""


def obstacles(intents: Sequence[AnyIntent], told: Callable[[AnyIntent], Told], namespace: str = "") -> list[FieldError]:
    """What is told of the intents of a design, and which of them contradict each other."""
    collected = []
    for index, intent in enumerate(intents):
        pointer = f"#/intents/{index}"
        for field, detail in told(intent):
            collected.append(FieldError(detail=detail, pointer=f"{pointer}/{field}" if field else pointer))
        collected += [FieldError(detail=each, pointer=pointer) for each in _contradicted(intents, index, namespace)]
    return list({each.detail: each for each in collected}.values())


def named_versions(intent: AnyIntent) -> tuple[str, frozenset[str]]:
    """The field of an intent that names versions, and those among them that get no request."""
    if isinstance(intent, TrafficSplit):
        return "backends", frozenset(each.version for each in intent.backends if not each.weight)
    return "version", frozenset()


def _contradicted(intents: Sequence[AnyIntent], index: int, namespace: str) -> Iterator[str]:
    """The first earlier intent that cannot hold together with this one."""
    intent = intents[index]
    for before, other in enumerate(intents[:index]):
        if contradict(other, intent, (namespace, namespace)):
            yield (
                f"two intents of the design contradict each other: {intent_kind(intent)} stands in #/intents/{before}"
                f" and #/intents/{index} for the same requests"
            )
            return
