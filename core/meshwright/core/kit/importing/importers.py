"""Importers: which kinds an adapter reads back as intents, and the design that they become.

Invariant: whatever was given is in the answer: as an intent, as a field that no intent says, or as a resource that was
not read. Kinds that belong to no mesh (Gateway API, SMI) are read for every adapter.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from meshwright.core.kit.analysis.manifests import Manifest, Manifests
from meshwright.core.kit.importing import gateway_api, smi, surroundings
from meshwright.core.kit.importing.fields import Reading
from meshwright.core.kit.importing.surroundings import Surroundings
from meshwright.schemas.base import service_parts
from meshwright.schemas.designs import Design, ImportedDesign
from meshwright.schemas.intents import AnyIntent

Kind = tuple[str, str]
"""API group and kind"""
Reader = Callable[[Reading, Surroundings], list[AnyIntent]]
MOST_INTENTS = 500
"""of one design"""


class CannotImport(Exception):
    """No design can be made of this; the message says what to do."""


class Importers:
    """What one adapter reads. `version_labels` tell the versions of a service apart, best first."""

    def __init__(self, version_labels: Sequence[str] = surroundings.VERSION_LABELS) -> None:
        self._own: dict[Kind, Reader] = {}
        self._when: dict[Kind, Callable[[Manifest], bool]] = {}
        self._version_labels = version_labels

    def importer(
        self, group: str, kind: str, *, when: Callable[[Manifest], bool] | None = None
    ) -> Callable[[Reader], Reader]:
        """Register the function that reads a kind. It marks each field of it that intents say.

        `when` says which resources of the kind say anything to this mesh; the others are not read. Raises ValueError
        when the kind has one.
        """
        if (group, kind) in self.readers:
            raise ValueError(f"{kind} of {group} has a reader already")

        def register(reader: Reader) -> Reader:
            self._own[group, kind] = reader
            if when is not None:
                self._when[group, kind] = when
            return reader

        return register

    @property
    def readers(self) -> dict[Kind, Reader]:
        """Who reads which kind, in the order in which they do."""
        return {**self._own, **gateway_api.READERS, **smi.READERS}

    @property
    def kinds(self) -> list[Kind]:
        """All that is looked at."""
        return [*self.readers, *surroundings.KINDS]

    @property
    def names(self) -> list[str]:
        """The kinds that become intents, for people."""
        return sorted(f"{kind}.{group}" for group, kind in self.readers)

    def run(
        self, manifests: Iterable[Manifest], *, id: str = "imported", namespace: str = "", flat: bool = False
    ) -> ImportedDesign:
        """The design that resources are, those of one namespace if it is given. Raises CannotImport."""
        index = Manifests(manifests)
        around = Surroundings(index, self._version_labels)
        readings: list[Reading] = []
        for (group, kind), reader in self.readers.items():
            when = self._when.get((group, kind), _always)
            for each in filter(when, surroundings.oldest_first(index.of(group, kind, namespace or None))):
                reading = Reading(each)
                if isinstance(reading.spec.value, dict | None):
                    around.intents += reader(reading, around)
                else:
                    reading.spec.leave("it is no mapping")
                readings.append(reading)
        read = {each.ref for each in readings}
        looked_at = {*surroundings.KINDS}
        return ImportedDesign(
            design=_design(id, namespace, around.intents, flat=flat),
            unexpressed=[field for each in readings for field in each.unexpressed()],
            resources=len(readings),
            not_read=[
                each.at()
                for each in index
                if each.file and each.ref not in read and (each.ref.group, each.ref.kind) not in looked_at
            ],
        )


def _always(_: Manifest) -> bool:
    return True


def _design(id: str, namespace: str, intents: Sequence[AnyIntent], *, flat: bool) -> Design:
    """The intents, each once, with short names for the services of the design's namespace."""
    distinct = list({msgspec.json.encode(each): each for each in intents}.values())
    if len(distinct) > MOST_INTENTS:
        raise CannotImport(
            f"there are {len(distinct)} intents, and a design has at most {MOST_INTENTS}: read one namespace at a time"
        )
    places = sorted({service_parts(name)[0] for each in distinct for name in _services(each)})
    if flat and len(places) > 1:
        raise CannotImport(
            f"services of {', '.join(places)} are meant, and a design without namespaces has one: name it"
        )
    place = namespace or (places[0] if len(places) == 1 else "")
    return Design(id=id, namespace="" if flat else place, intents=[_short(each, place or "/") for each in distinct])


def _services(intent: AnyIntent) -> list[str]:
    names = [getattr(intent, field, None) for field in ("service", "source")]
    return [each for each in names if isinstance(each, str)]


def _short(intent: AnyIntent, namespace: str) -> AnyIntent:
    """The intent with the names of services as they are said inside of a namespace."""
    changed = {}
    for field in ("service", "source"):
        name = getattr(intent, field, None)
        if isinstance(name, str) and name.startswith(f"{namespace}/"):
            changed[field] = name.removeprefix(f"{namespace}/")
    return msgspec.structs.replace(intent, **changed) if changed else intent
