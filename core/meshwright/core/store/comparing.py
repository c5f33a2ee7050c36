"""Comparing two generations of views, which must be equal when they were folded from the same streams.

Invariant: everything is compared except the tombstones of deleted documents, which expire on their own.
"""

from meshwright.core.store import generations, kinds
from meshwright.core.store.connecting import Database, Document
from meshwright.core.store.errors import translated

_ALL = (*(kind.name for kind in kinds.KINDS), *kinds.LOGS)


async def differences(database: Database, one: int, other: int, elsewhere: Database | None = None) -> list[str]:
    """The documents that differ, as `<collection>/<id>`, each with both sides; `other` may be in another database.

    Raises StoreUnavailable.
    """
    lines = []
    for name in _ALL:
        left, right = await _contents(database, name, one), await _contents(elsewhere or database, name, other)
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                lines.append(f"{name}/{key}: {left.get(key)} != {right.get(key)}")
    return lines


async def count(database: Database, generation: int, name: str) -> int:
    """The number of documents in a collection of a generation, without tombstones. Raises StoreUnavailable."""
    return len(await _contents(database, name, generation))


async def _contents(database: Database, name: str, generation: int) -> dict[str, Document]:
    with translated(f"read {name}"):
        collection = database.collection(generations.collection_name(name, generation))
        rows = await collection.find({"deleted": None}).to_list(None)
    return {str(row["_id"]): row for row in rows}
