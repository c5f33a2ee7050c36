"""The documents that the folds work on, in memory.

Invariant: a document that is not here is in the database: folded documents that are not yet written are among the
newest, and that many are never evicted.
"""

from collections import OrderedDict
from collections.abc import Iterable

from meshwright.core.store.writing import Folded

CAPACITY = 6000
"""documents; an operation takes about 3 KiB"""


class Cache:
    """Documents by kind and key; the least recently used is evicted first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str], Folded] = OrderedDict()

    def __contains__(self, place: tuple[str, str]) -> bool:
        return place in self._entries

    def get(self, place: tuple[str, str]) -> Folded | None:
        """The document as last folded; None when it does not exist in the database either."""
        return self._entries.get(place)

    def put(self, folded: Folded) -> None:
        """Store a document as the most recently used."""
        place = (folded.kind.name, folded.key)
        self._entries[place] = folded
        self._entries.move_to_end(place)

    def fill(self, documents: Iterable[Folded]) -> None:
        """Add what the database holds."""
        for folded in documents:
            self.put(folded)

    def lend(self, documents: Iterable[Folded]) -> None:
        """Add what the database holds, to be evicted first; documents that are here already are newer and stay."""
        for folded in documents:
            place = (folded.kind.name, folded.key)
            if place not in self._entries:
                self._entries[place] = folded
                self._entries.move_to_end(place, last=False)

    def of_mesh(self, kind: str, workspace: str, mesh: str) -> list[str]:
        """The keys of the documents of a mesh that are here."""
        return [
            key
            for (name, key), folded in self._entries.items()
            if name == kind and folded.workspace == workspace and getattr(folded.document, "mesh", None) == mesh
        ]

    def trim(self, unwritten: int = 0) -> None:
        """Evict down to the capacity, but not the newest ones that are not written yet. Call between batches."""
        while len(self._entries) > max(self._capacity, unwritten):
            self._entries.popitem(last=False)
