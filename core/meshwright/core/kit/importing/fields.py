"""The fields of a resource, and which of them intents say.

Invariant: every leaf of a resource is either marked as said by an intent, or listed with the reason why not. What
nobody marks is listed, so a field that a reader has never heard of cannot be lost. Of two marks on one way to a leaf,
the one that says "not" counts. Labels and annotations say nothing, but for those that a reader leaves.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from meshwright.core.kit.analysis.manifests import Manifest
from meshwright.schemas.designs import UnexpressedField
from meshwright.schemas.intents import AnyIntent
from meshwright.schemas.references import ResourceRef

UNKNOWN = "no intent says this"
_IDENTITY = {"apiVersion", "kind", "metadata", "status"}


class Unexpressed(Exception):
    """No intent says this; the message says why."""


class Reading:
    """One resource while it is read."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self._expressed: set[str] = set()
        self._unexpressed: dict[str, str] = {}

    @property
    def ref(self) -> ResourceRef:
        """Its reference."""
        return self.manifest.ref

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return self.manifest.ref.namespace

    @property
    def name(self) -> str:
        """Its name."""
        return self.manifest.ref.name

    @property
    def spec(self) -> "Field":
        """What it wants."""
        return self.at("spec")

    def at(self, key: str) -> "Field":
        """A field of the resource itself."""
        return Field(self, self.manifest.body.get(key), f"#/{_escaped(key)}")

    def express(self, pointer: str) -> None:
        """Intents say this and all that is below it."""
        self._expressed.add(pointer)

    def leave(self, pointer: str, because: str) -> None:
        """No intent says this, nor what is below it."""
        self._unexpressed.setdefault(pointer, because)

    def unexpressed(self) -> list[UnexpressedField]:
        """What no intent says; a field with all that is below it when the reason is the same."""
        listed: list[tuple[str, str]] = []
        for key, value in self.manifest.body.items():
            if key not in _IDENTITY:
                listed += self._listed(value, f"#/{_escaped(key)}", "", False)
        listed += [each for each in self._unexpressed.items() if each[0].startswith("#/metadata/")]
        return [UnexpressedField(location=self.manifest.at(pointer), because=because) for pointer, because in listed]

    def leaves_left(self) -> set[str]:
        """Every single leaf that no intent says, by its pointer."""
        left = set()
        for key, value in self.manifest.body.items():
            if key not in _IDENTITY and value is not None:
                left |= set(self._left(value, f"#/{_escaped(key)}", False))
        return left

    def take(self, other: "Reading") -> None:
        """Mark what another reading of the same resource has marked."""
        self._expressed |= other._expressed
        for pointer, because in other._unexpressed.items():
            self.leave(pointer, because)

    def _left(self, value: Any, pointer: str, expressed: bool | None) -> Iterator[str]:
        """The leaves below a value; `expressed` None: it is left as a whole."""
        if pointer in self._unexpressed:
            expressed = None
        elif pointer in self._expressed:
            expressed = None if expressed is None else True
        inner = list(_children(value, pointer))
        if not inner and not expressed:
            yield pointer
        for place, each in inner:
            yield from self._left(each, place, expressed)

    def _listed(self, value: Any, pointer: str, reason: str, expressed: bool) -> list[tuple[str, str]]:
        reason = self._unexpressed.get(pointer, reason)
        expressed = expressed or pointer in self._expressed
        inner = list(_children(value, pointer))
        if not inner:
            said = value is None or (expressed and not reason)
            return [] if said else [(pointer, reason or UNKNOWN)]
        below = [self._listed(each, place, reason, expressed) for place, each in inner]
        alike = {because for listed in below for _, because in listed}
        whole = all([place for place, _ in listed] == [at] for listed, (at, _) in zip(below, inner, strict=True))
        if whole and len(alike) == 1:
            return [(pointer, alike.pop())]
        return [each for listed in below for each in listed]


class Field:
    """A value of a resource with its place; of a wrong type it counts as empty, and is listed."""

    __slots__ = ("pointer", "reading", "value")

    def __init__(self, reading: Reading, value: Any, pointer: str) -> None:
        self.reading = reading
        self.value = value
        self.pointer = pointer

    def __bool__(self) -> bool:
        return self.value is not None

    @property
    def name(self) -> str:
        """What it is called where it stands."""
        return self.pointer.rpartition("/")[2]

    def at(self, *keys: str) -> "Field":
        """A field of a mapping, by the way to it."""
        field = self
        for key in keys:
            inner = field.value.get(key) if isinstance(field.value, dict) else None
            field = Field(self.reading, inner, f"{field.pointer}/{_escaped(key)}")
        return field

    def each(self) -> list["Field"]:
        """The items of a list."""
        if not isinstance(self.value, list):
            return []
        return [Field(self.reading, value, f"{self.pointer}/{index}") for index, value in enumerate(self.value)]

    def items(self) -> list["Field"]:
        """The items of a list that would mean everything if it were empty. Raises Unexpressed when it is no list."""
        if self and not isinstance(self.value, list):
            raise Unexpressed(f"{self.name} is no list")
        return self.each()

    def pairs(self) -> list[tuple[str, "Field"]]:
        """The fields of a mapping, as `items`. Raises Unexpressed when it is none."""
        if self and not isinstance(self.value, dict):
            raise Unexpressed(f"{self.name} is no mapping")
        return self.entries()

    def texts(self) -> list[str]:
        """The texts of a list, as `items`. Raises Unexpressed when it is something else."""
        items = self.items()
        if not all(each.text for each in items):
            raise Unexpressed(f"{self.name} is no list of texts")
        return [each.text for each in items]

    def entries(self) -> list[tuple[str, "Field"]]:
        """The fields of a mapping."""
        return [(key, self.at(key)) for key in self.value] if isinstance(self.value, dict) else []

    def others(self, *known: str) -> list["Field"]:
        """The fields of a mapping beside those that are named."""
        return [field for key, field in self.entries() if key not in known and field]

    @property
    def text(self) -> str:
        """The text; empty when it is none."""
        return self.value if isinstance(self.value, str) else ""

    def text_or(self, default: str) -> str:
        """The text, or what is meant when it is not set. Raises Unexpressed when it is no text."""
        if not self or self.value == "":
            return default
        if not self.text:
            raise Unexpressed(f"{self.name} is no text")
        return self.text

    @property
    def number(self) -> int | None:
        """The whole number; None when it is none."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    @property
    def amount(self) -> float | None:
        """The number; None when it is none."""
        return float(self.value) if isinstance(self.value, int | float) and not isinstance(self.value, bool) else None

    def express(self) -> None:
        """Intents say this value; what is below a mapping or list is not meant by it."""
        if not any(_children(self.value, self.pointer)):
            self.reading.express(self.pointer)

    def express_whole(self) -> None:
        """Intents say this and all that is below it, which the reader has looked at field by field."""
        self.reading.express(self.pointer)

    def leave(self, because: str) -> None:
        """No intent says this."""
        self.reading.leave(self.pointer, because)


def for_each(
    reading: Reading, places: Sequence[Field], read: Callable[[Reading, int], list[AnyIntent] | None]
) -> list[AnyIntent]:
    """What a resource says of several services, each named at one place; None: nothing of this one.

    One for which less of it can be said than for another is left, so that no field is both said and left.
    """
    trials = [(place, Reading(reading.manifest)) for place in places]
    results = [read(trial, index) for index, (_, trial) in enumerate(trials)]
    if not trials:
        return []
    left = [trial.leaves_left() for _, trial in trials]
    best = min(range(len(trials)), key=lambda index: len(left[index]))
    reading.take(trials[best][1])
    intents = []
    for (place, _), result, leaves in zip(trials, results, left, strict=True):
        if result is None:
            place.leave("nothing of it is said")
        elif leaves == left[best]:
            intents += result
        else:
            place.leave("what is said for another service cannot be said for this one")
    return intents


def _children(value: Any, pointer: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        yield from ((f"{pointer}/{_escaped(key)}", inner) for key, inner in value.items() if inner is not None)
    elif isinstance(value, list):
        yield from ((f"{pointer}/{index}", inner) for index, inner in enumerate(value) if inner is not None)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")  # RFC 6901
