"""What an adapter says of the entries of its control plane: reading, writing, removing, in which order.

Invariant: an entry is written and removed only as it was read (compare and swap), so nobody's change is lost; whose it
is stands in the entry itself.
"""

from collections.abc import Collection
from typing import Any, Protocol, TypeAlias

import msgspec

from meshwright.core.kit.http_control_plane.ownership import Owner
from meshwright.schemas.errors import FieldError
from meshwright.schemas.references import ResourceRef

Body: TypeAlias = dict[str, Any]


class Marked(msgspec.Struct, frozen=True, kw_only=True):
    """An entry with what designs have noted in it. `body` has no marks, and nothing that the server adds by itself."""

    body: Body
    owners: frozenset[Owner] = frozenset()
    """the designs that stand for it"""
    former: Body | None = None
    """what it was before a design took it over, and is again when the design goes"""


class Entry(Marked, frozen=True, kw_only=True):
    """One entry as it is there."""

    version: str = ""
    """another one after every change"""
    stranger: str = ""
    """who has made it where no design has, for people"""

    def same(self, other: Marked) -> bool:
        """Whether it is this already."""
        return (self.body, self.owners, self.former) == (other.body, other.owners, other.former)

    def as_written(self) -> Marked:
        """What was written to make it."""
        return Marked(body=self.body, owners=self.owners, former=self.former)


class Entries(Protocol):
    """The entries of one control plane. Methods raise Outcome: what the server refuses, or that it is away."""

    async def read(self, refs: Collection[ResourceRef]) -> dict[ResourceRef, Entry]:
        """Those of these that are there, as the control plane has agreed on them."""

    async def write(self, ref: ResourceRef, entry: Marked, version: str) -> bool:
        """Write one that is still of this version, empty: that is not there; False when it is not any more."""

    async def remove(self, ref: ResourceRef, version: str) -> bool:
        """Remove one that is still of this version; False when it is not any more."""

    def normal(self, ref: ResourceRef, body: Body) -> Body:
        """A body as the control plane would give it back."""

    def problems(self, ref: ResourceRef, body: Body) -> list[FieldError]:
        """What stands against writing this."""

    def rank(self, ref: ResourceRef) -> int:
        """When it is written: after all of a lower rank, on which it may build."""

    def between(self, ref: ResourceRef, before: Body, after: Body) -> Body | None:
        """What an entry must be while those that build on it change from one to the other; None: either will do."""
