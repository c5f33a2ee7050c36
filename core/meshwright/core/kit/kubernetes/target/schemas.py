"""Whether the objects of a draft are as their definitions say, before anything is sent.

Problem: of a kind that comes with the same draft nobody can ask the server yet, and what the server says of a broken
object is hard to read. Invariant: only objects that would be created are checked, since what is applied to one that is
there may be a part of it; a definition in the draft counts before the cluster's.
"""

from collections.abc import Sequence

from meshwright.core.kit import structural
from meshwright.core.kit.kubernetes.client import Cluster
from meshwright.core.kit.kubernetes.objects import Body
from meshwright.core.kit.kubernetes.target import ordering
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

Kind = tuple[str, str]


class Schemas:
    """The definitions that count for a draft."""

    def __init__(self, definitions: dict[Kind, structural.Definition]) -> None:
        self._definitions = definitions

    @classmethod
    async def of(cls, cluster: Cluster, objects: Sequence[tuple[ResourceRef, Body]]) -> "Schemas":
        """For these objects. Raises Away."""
        own = dict(_brought(objects))
        kinds = {(ref.group, ref.kind) for ref, _ in objects} - own.keys()
        served = await cluster.definitions.of(kinds)
        here = {kind: definition for kind in kinds if (definition := served.get(*kind))}
        return cls(here | own)

    def problems(self, ref: ResourceRef, body: Body, pointer: str) -> list[FieldError]:
        """What the server would refuse in an object that is written at `pointer`; `#`: that nobody has written."""
        definition = self._definitions.get((ref.group, ref.kind))
        if definition is None:
            return []
        problems = structural.check(body, definition)
        if pointer == "#":
            return [FieldError(detail=f"{ref}, {each.pointer[1:] or '/'} {each.detail}") for each in problems]
        return [FieldError(detail=each.detail, pointer=f"{pointer}/body{each.pointer[1:]}") for each in problems]


def _brought(objects: Sequence[tuple[ResourceRef, Body]]) -> list[tuple[Kind, structural.Definition]]:
    """The definitions among the objects; one that is none is the server's to refuse."""
    brought = []
    for ref, body in objects:
        if (ref.group, ref.kind) == ordering.DEFINITION:
            try:
                definition = structural.definition(body)
            except structural.InvalidDefinition:
                continue
            brought.append(((definition.group, definition.kind), definition))
    return brought
