"""The documents that the folds work on, newest first at hand.

Invariant: a document that is not here is in the database: what was folded and not yet written is among the newest,
and as many as that are never evicted.
"""

from collections import OrderedDict
from collections.abc import Iterable

from meshwright.core.store.writing import Folded

CAPACITY = 6000
"""documents; an operation takes about 3 KiB"""


class Cache:
    """Documents by kind and key, the least recently used forgotten first."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._entries: OrderedDict[tuple[str, str], Folded] = OrderedDict()

    def __contains__(self, place: tuple[str, str]) -> bool:
        return place in self._entries

    def get(self, place: tuple[str, str]) -> Folded | None:
        """The document as last folded; None when there is none in the database either."""
        return self._entries.get(place)

    def put(self, folded: Folded) -> None:
        """Remember a document as the most recently used."""
        place = (folded.kind.name, folded.key)
        self._entries[place] = folded
        self._entries.move_to_end(place)

    def fill(self, documents: Iterable[Folded]) -> None:
        """Remember what the database holds."""
        for folded in documents:
            self.put(folded)

    def lend(self, documents: Iterable[Folded]) -> None:
        """Have what the database holds beside what is here, to be forgotten first; what is here is newer and stays."""
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
        """Forget down to the capacity, but not the newest that are not written yet. Call between batches."""
        while len(self._entries) > max(self._capacity, unwritten):
            self._entries.popitem(last=False)
